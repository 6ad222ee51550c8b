"""``_options``: type checkers are told of the options that ``_config`` takes, and of no others."""

from __future__ import annotations

import re

import pytest

from sentry_web._address import Forwarding
from sentry_web._config import build_config
from sentry_web._options import Options, StyledOptions


def test_every_keyword_option_is_in_the_typed_dict_and_refused_under_no_other_name() -> None:
    """The names that ``_config`` keeps to itself are no options."""
    with pytest.raises(TypeError, match=r"unknown option 'forwarding'") as caught:
        build_config(forwarding=Forwarding())
    known = set(re.findall(r"\w+", str(caught.value).partition("known: ")[2]))
    assert known == set(Options.__annotations__) | {"transaction_style"} == set(StyledOptions.__annotations__)
