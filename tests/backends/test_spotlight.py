"""Spotlight in a headless Chromium: the demo's errors and traces stand on the page that a developer looks at.

The screenshot is left in the folder that ``SCREENSHOTS`` names, else nowhere.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sentry_web.demo import presentation, viewers, visitor

if TYPE_CHECKING:
    from collections.abc import Iterator

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

PATIENCE = 30.0  # seconds until the page must show something
FLAGS = (
    "--headless",
    "--no-sandbox",  # which root needs
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1360,900",
)


@pytest.fixture(scope="module")
def spotlight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[viewers.Spotlight]:
    """Spotlight with the demo's visits in it."""
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(viewers.spotlight(tmp_path_factory.mktemp("spotlight")))
        except viewers.MissingToolError as missing:
            pytest.skip(str(missing))
        presentation.show_in_spotlight(running)
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Chromium with a profile of its own."""
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or chromium is None:
        pytest.skip("chromium and chromium-driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    running = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield running
    finally:
        running.quit()


def text_with(browser: Any, *wanted: str) -> str:
    """The page's text, once all that is wanted stands in it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        text = str(browser.execute_script("return document.body.innerText"))
        missing = [part for part in wanted if part not in text]
        if not missing:
            return text
        assert time.monotonic() < deadline, f"{missing} is not in: {text}"
        time.sleep(0.1)


def click(browser: Any, text: str) -> None:
    """Click the innermost element with exactly this text."""
    browser.find_element("xpath", f'//*[normalize-space(text())="{text}"]').click()


def test_the_traces_of_both_protocols_are_on_the_page(spotlight: viewers.Spotlight, browser: Any) -> None:
    browser.get(f"{spotlight.url}/telemetry/traces")
    text = text_with(browser, "reader: POST /orders", "reader: GET /catalogue.csv")
    # One trace a visit: the visitor's own transaction, and those of both fronts; of the websocket, one front's.
    assert len(re.findall(r"3 txns", text)) == len(visitor.VISITS)
    assert len(re.findall(r"2 txns", text)) == 1
    assert "internal_error" in text
    assert "not_found" in text


def test_the_trace_of_the_error_shows_the_spans_of_both_fronts(spotlight: viewers.Spotlight, browser: Any) -> None:
    (visit,) = (visit for visit in visitor.VISITS if visit.title == "a view that raises")
    browser.get(f"{spotlight.url}/telemetry/traces/{visit.trace_id}")
    text = text_with(browser, "5 spans", "sentry_web.demo.shop.find_book", "sentry_web.demo.shop.average_rating")
    assert len(re.findall(r"(?m)^http\.server$", text)) == 2, text
    assert "reader: GET /books/3/rating" in text
    assert "orphan" not in text.lower()
    assert not [secret for secret in visitor.SECRETS.values() if secret in text]
    if "SCREENSHOTS" in os.environ:
        browser.save_screenshot(str(Path(os.environ["SCREENSHOTS"], "spotlight.png")))


def test_the_errors_are_on_the_page_with_their_frames(spotlight: viewers.Spotlight, browser: Any) -> None:
    browser.get(f"{spotlight.url}/telemetry/errors")
    text = text_with(browser, "ZeroDivisionError", "division by zero", "KeyError", "'total'")
    assert text.count("division by zero") == 2
    click(browser, "division by zero")
    text = text_with(browser, "average_rating", "shop.py")
    assert not [secret for secret in visitor.SECRETS.values() if secret in text]


def test_it_listens_on_loopback_only(spotlight: viewers.Spotlight) -> None:
    port = f"{int(spotlight.url.rpartition(':')[2]):04X}"
    tables = "".join(Path("/proc/net", name).read_text("ascii") for name in ("tcp", "tcp6"))
    listening = re.findall(rf"^ *\d+: ([0-9A-F]+):{port} [0-9A-F:]+ 0A ", tables, re.MULTILINE)
    assert listening == ["0100007F"]


def test_the_demo_shows_its_errors_there_until_it_is_stopped(
    spotlight: viewers.Spotlight, browser: Any, tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    command = [sys.executable, "-c", "from sentry_web.cli import main; main()", "demo", "--spotlight", "--open"]
    (tmp_path / "browse.py").write_text(f"import sys; open({str(opened)!r}, 'w').write(sys.argv[1])")
    environment = {**os.environ, "BROWSER": f"{sys.executable} {tmp_path / 'browse.py'} %s"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        try:
            line = process.stdout.readline()
            found = re.search(r"errors and traces at (http://127\.0\.0\.1:\d+), until Ctrl-C\.", line)
            assert found, line
            browser.get(f"{found[1]}/telemetry/errors")
            text_with(browser, "ZeroDivisionError", "KeyError")
            assert opened.read_text() == found[1]
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
