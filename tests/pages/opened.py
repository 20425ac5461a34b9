"""A page in the browser, with all that it said and asked for."""

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


@dataclass
class Opened:
    """A page that is open.

    Attributes:
        page: The browser's.
        said: What stood on the console, and errors of scripts.
        asked: Addresses that the page wanted, beside its own file.
    """

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def charts(self) -> int:
        """How many charts were drawn."""
        return self.page.locator("canvas").count()

    def drawn(self, chart: int = 0) -> int:
        """How many points of a canvas are not empty."""
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
        """What an expression of JavaScript is in the page."""
        return self.page.evaluate(script)


@contextmanager
def opened(
    browser: Browser,
    folder: Path,
    drawn: tuple[Report, RunSeries],
    size: tuple[int, int] = DESKTOP,
    **how: Any,
) -> Iterator[Opened]:
    """The page of a report, as a file.

    Args:
        browser: Where to open it.
        folder: Where to write it.
        drawn: What to show.
        size: Of the window, in CSS pixels.
        how: What the browser's owner prefers.
    """
    file = folder / "report.html"
    file.write_text(render_page(*drawn), encoding="utf-8")
    with shown_file(browser, file, size, **how) as shown:
        yield shown


@contextmanager
def shown_file(browser: Browser, file: Path, size: tuple[int, int] = DESKTOP, **how: Any) -> Iterator[Opened]:
    """A page that is a file; the arguments are those of `opened`."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **how)
    try:
        shown = Opened(context.new_page())
        shown.page.on("console", lambda message: shown.said.append(message.text))
        shown.page.on("pageerror", lambda error: shown.said.append(str(error)))
        shown.page.on("request", lambda request: shown.asked.append(request.url))
        shown.page.goto(file.as_uri())
        shown.asked = [each for each in shown.asked if each != file.as_uri() and not each.startswith("data:")]
        yield shown
    finally:
        context.close()
