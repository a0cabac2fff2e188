"""A real Chromium that opens reports from file://. Anything that it complains of or asks the network for is collected."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Google/Chrome/Application/chrome.exe",
)
FLAGS = [
    "--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def executable() -> str:
    """The browser: that of the variable CHROMIUM, else the first that is installed."""
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES), *(path for path in PATHS if Path(path).exists())]
    path = next(filter(None, found), None)
    assert path, f"no Chromium or Chrome: install one, or name it in CHROMIUM; looked for {', '.join(NAMES)}"
    return path


@pytest.fixture(scope="session")
def browser():
    if not os.environ.get("CI"):  # where it must run
        pytest.importorskip("playwright", reason="make browser installs playwright and runs this")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, report_runs):
    """Open the report of a run, by the run's name, or another file of the folder; nothing may go wrong meanwhile.

    `errors` are what the page complains of and `requests` the addresses that it asks for.
    """
    pages = []

    def open_it(name, width=1100, height=900, file=None, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        seen = SimpleNamespace(errors=[], requests=[], dialogs=[])
        page.on("console", lambda message: seen.errors.append(message.text))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("dialog", lambda dialog: (seen.dialogs.append(dialog.message), dialog.dismiss()))
        page.goto((file or next((report_runs / "runs" / name).iterdir()) / "report.html").as_uri())
        page.wait_for_function(
            "document.querySelectorAll('.plot svg[viewBox]').length === document.querySelectorAll('.plot').length"
        )
        pages.append((context, seen))
        page.seen = seen
        return page

    yield open_it
    for context, seen in pages:
        context.close()
        assert not seen.errors
        assert not seen.dialogs
        assert all(url.startswith(("file:", "data:image/png;base64,")) for url in seen.requests), seen.requests
