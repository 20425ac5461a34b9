"""The pages to measure, and the measurement."""

import statistics
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from playwright.sync_api import Browser

import bench
from bench.render.html.page import render_page
from benchmarks.history.generate import write_histories
from benchmarks.pictures.examples import render_comparison
from tests.render.drawn import judge, recording

from .kinds import KINDS, render_kind, render_suite

REQUESTS = (100, 10_000, 100_000)
SCENARIOS = 1_000
RUNS_OF_SUITE = 15
_RUNS = 40
_OPENED = 5
_SIZE = {"width": 1400, "height": 900}
_DRAWN_MS = """() => {
  const [drawn] = performance.getEntriesByName("drawn");
  return drawn ? drawn.startTime : performance.getEntriesByType("navigation")[0].loadEventEnd;
}"""


class MeasuredPage(NamedTuple):
    """The size of a page and the time until it is drawn."""

    title: str
    size_bytes: int
    """Size of the page, without style and script of its own files."""
    drawn_s: float
    """Median time from the navigation to the last chart."""
    work_s: float
    """Median processor time of the page's thread until it is loaded and drawn."""
    height_px: int
    """Height of the page."""


def measure_pages(browser: Browser) -> Iterator[MeasuredPage]:
    """Yield the measurement of each page."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for title, file in _write_pages(folder):
            yield measure_page(browser, title, file)


def measure_page(browser: Browser, title: str, file: Path) -> MeasuredPage:
    """Open a page several times and return its size, the median times and its height."""
    times_s: list[float] = []
    work_s: list[float] = []
    height = 0
    for _ in range(_OPENED):
        page = browser.new_page(viewport=_SIZE)  # type: ignore[arg-type]
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(file.as_uri(), wait_until="load")
        page.wait_for_function("() => performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
        times_s.append(float(page.evaluate(_DRAWN_MS)) / 1000.0)
        metrics = session.send("Performance.getMetrics")["metrics"]
        work_s.append(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))
        height = int(page.evaluate("document.documentElement.scrollHeight"))
        page.close()
    drawn = statistics.median(times_s)
    return MeasuredPage(title, file.stat().st_size, drawn, statistics.median(work_s), height)


def _write_pages(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the title and the file of each page."""
    for requests in REQUESTS:
        kept = recording(1.3, requests=requests, failed=range(0, requests, 997))
        yield f"run of {requests:,} requests", _write(folder / "run.html", render_page(*judge(kept)))
    for title in KINDS:
        yield f"run with {title}", _write(folder / "kind.html", render_kind(title))
    yield f"suite of {RUNS_OF_SUITE} runs", _write(folder / "suite.html", render_suite(RUNS_OF_SUITE))
    yield "comparison of 3 runs", _write(folder / "comparison.html", render_comparison())
    histories = folder / "history"
    write_histories(histories, SCENARIOS, _RUNS)
    site = bench.site(history=histories, folder=folder / "site")
    yield f"front page of {SCENARIOS:,} scenarios", site.index
    yield f"history of {_RUNS} runs", next(iter(sorted((folder / "site").glob("*/*/*.html"))))


def _write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file
