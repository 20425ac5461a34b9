"""A page in the browser, with its console messages and its requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from bench.core.report.report import Report
from bench.core.report.series import RunSeries
from bench.render.html.page import render_page

DESKTOP, PHONE = (1180, 900), (390, 844)
TIMEOUT_MS = 120_000
"""Longest wait of the browser for anything: a slow machine must never fail a test."""


@dataclass
class Opened:
    """A page that is open."""

    page: Page
    """The browser's page."""
    messages: list[str] = field(default_factory=list)
    """Lines of the console, and errors of scripts."""
    requests: list[str] = field(default_factory=list)
    """Addresses that the page requested, besides its own file."""

    def count_charts(self) -> int:
        """Return the number of drawn charts."""
        return self.page.locator("canvas").count()

    def painted_points(self, chart: int = 0) -> int:
        """Return the number of points of a chart that are not empty."""
        return int(
            self.page.evaluate(
                """number => {
                  const canvas = document.querySelectorAll("canvas")[number];
                  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                  let points = 0;
                  for (let place = 3; place < data.length; place += 4) points += data[place] > 0;
                  return points;
                }""",
                chart,
            )
        )

    def value(self, script: str) -> Any:
        """Return the value of an expression of JavaScript."""
        return self.page.evaluate(script)


@contextmanager
def opened(
    browser: Browser,
    folder: Path,
    drawn: tuple[Report, RunSeries],
    size: tuple[int, int] = DESKTOP,
    **how: Any,
) -> Iterator[Opened]:
    """Open the page of a report from a file.

    Args:
        browser: The browser.
        folder: Folder of the file.
        drawn: The report and its curves.
        size: Size of the window, in CSS pixels.
        how: Preferences of the reader, such as `color_scheme`.
    """
    file = folder / "report.html"
    file.write_text(render_page(*drawn), encoding="utf-8")
    with shown_file(browser, file, size, **how) as shown:
        yield shown


@contextmanager
def shown_file(browser: Browser, file: Path, size: tuple[int, int] = DESKTOP, **how: Any) -> Iterator[Opened]:
    """Open a page from a file. The arguments are those of `opened`."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **how)
    try:
        context.set_default_timeout(TIMEOUT_MS)
        shown = Opened(context.new_page())
        shown.page.on("console", lambda message: shown.messages.append(message.text))
        shown.page.on("pageerror", lambda error: shown.messages.append(str(error)))
        shown.page.on("request", lambda request: shown.requests.append(request.url))
        shown.page.goto(file.as_uri())
        shown.requests = [
            each for each in shown.requests if each != file.as_uri() and not each.startswith("data:")
        ]
        yield shown
    finally:
        context.close()
