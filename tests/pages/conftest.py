"""A real browser, one for all tests of pages; without one they are skipped, and say so."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from benchmarks.pictures.browser import browser as opened_browser
from benchmarks.pictures.browser import installed


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium, if it is installed."""
    chromium = installed()
    if chromium is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with opened_browser(chromium) as opened:
        yield opened
