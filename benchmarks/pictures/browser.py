"""The installed Chromium, headless; it downloads no file."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--no-sandbox",  # in a container there is none to be had
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def installed() -> Path | None:
    """Return the path of Chromium; None if it is not installed."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    return None if path is None else Path(path)


@contextmanager
def browser(chromium: Path) -> Iterator[Browser]:
    """Yield a browser with a temporary profile."""
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=_QUIET)
        try:
            yield opened
        finally:
            opened.close()
