"""A real browser for the tests of pages; without one they are skipped."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from benchmarks.pictures.browser import browser as opened_browser
from benchmarks.pictures.browser import installed


# Not for the whole session: while it is open, its event loop keeps other tests of this process from theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield headless Chromium; skip the test if it is not installed."""
    chromium = installed()
    if chromium is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with opened_browser(chromium) as opened:
        yield opened
