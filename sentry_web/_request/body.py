"""The request body: a bounded tee over what the application itself reads, parsed when an event asks for it.

Nothing is read ahead, nothing blocks, no chunk is copied, and what the application does not read is not known here.
No vendor and no protocol.
"""

from __future__ import annotations

from typing import Any

from .parsing import MOST_BYTES, parse
from .request import BEGINNING, Parsed, UploadedFile

#: Bytes kept, whatever may be sent: the secrets in a body are looked for in everything that is sent.
KEPT_FOR_REDACTION = MOST_BYTES
#: No output gets more than this: Sentry refuses larger events, and an upload must not fill the memory.
KEPT_AT_MOST = 1024 * 1024
#: Parts of which the beginning is kept, to recognise content that is never sent.
_MOST_BEGINNINGS = 500


class Body:
    """What the application has read of a request's body so far.

    Args:
        limit: Bytes that an output would send; larger bodies are counted, not kept.
    """

    __slots__ = ("limit", "size", "_kept", "_parts", "_parsed", "_beginnings")

    def __init__(self, limit: int) -> None:
        self.limit = min(limit, KEPT_AT_MOST)
        #: Bytes read by the application.
        self.size = 0
        self._kept = max(self.limit, KEPT_FOR_REDACTION)
        self._parts: list[bytes] | None = []
        self._parsed: Parsed | None = None
        self._beginnings: list[bytes] = []

    def feed(self, part: bytes) -> Body | None:
        """Note a part that the application has read; it is referred to, not copied.

        Returns:
            This body, once only its ``size`` is wanted any more: the caller may then add to it directly.
        """
        self.size += len(part)
        full = len(self._beginnings) >= _MOST_BEGINNINGS
        if part and not full:
            self._beginnings.append(bytes(part[: BEGINNING + 1]))
        if self._parts is None:
            return self if full else None
        if self.size > self._kept:
            self._parts = None
        elif part:
            self._parts.append(part)
            self._parsed = None
        return None

    @property
    def over_limit(self) -> bool:
        """Whether more was read than may be sent."""
        return self.size > self.limit

    def parse(self, content_type: str | None) -> Parsed:
        """Parse what has been read by now, once."""
        if self._parsed is None:
            if self._parts is None:
                self._parsed = Parsed("raw", too_large=True)
            else:
                self._parsed = parse(content_type or "", b"".join(self._parts), self._kept)
        return self._parsed

    @property
    def beginning(self) -> bytes:
        """The first bytes, up to ``BEGINNING``."""
        return b"".join(self._beginnings[:BEGINNING])[:BEGINNING]

    def private_content(self, content_type: str | None) -> list[bytes]:
        """Return beginnings of what is never sent: files, and all of a body that was not understood.

        Each is one byte longer than ``BEGINNING`` where there is more of it.
        """
        parsed = self.parse(content_type)
        if parsed.kind == "raw":
            return list(self._beginnings)
        files = files_of(parsed.value) if parsed.kind == "multipart" else []
        return [*(file.beginning for file in files), *self._beginnings] if files else []


def files_of(fields: dict[str, Any]) -> list[UploadedFile]:
    """Return the uploaded files among the fields of a form."""
    values = [item for value in fields.values() for item in (value if isinstance(value, list) else [value])]
    return [value for value in values if isinstance(value, UploadedFile)]
