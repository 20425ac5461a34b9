"""Pages of many runs, and of a long report, in a browser."""

import base64
import gzip
import json
from functools import cache
from pathlib import Path

from playwright.sync_api import Browser

from bench.core.report.suite import judge_suite
from bench.render.html.page import render_page, render_suite_page
from bench.render.html.raw_report import MOST_TEXT
from tests.pages.opened import Opened, shown_file
from tests.render.drawn import regressed

RUNS = 8


@cache
def suite_page() -> str:
    """Return the page of several runs."""
    report, series = regressed()
    return render_suite_page(judge_suite([report] * RUNS), [series] * RUNS)


def write(folder: Path, text: str) -> Path:
    """Return the file of a page."""
    file = folder / "report.html"
    file.write_text(text, encoding="utf-8")
    return file


def count_charts(shown: Opened, number: int) -> int:
    """Return the number of drawn charts of a run."""
    return shown.page.locator("article").nth(number).locator("canvas").count()


def wait_for_charts(shown: Opened, number: int) -> None:
    """Wait until a run has as many charts as the first one."""
    shown.page.wait_for_function(
        """number => {
          const [first, ...runs] = [...document.querySelectorAll("article")];
          const count = (run) => run.querySelectorAll("canvas").length;
          return count(runs[number - 1]) === count(first);
        }""",
        arg=number,
    )


def test_a_suite_draws_the_charts_of_a_run_before_they_are_seen(browser: Browser, tmp_path: Path) -> None:
    """Only the first run is drawn at once; a link, and a scroll, draw the others."""
    with shown_file(browser, write(tmp_path, suite_page())) as shown:
        assert count_charts(shown, 0) > 4
        assert count_charts(shown, 4) == count_charts(shown, RUNS - 1) == 0
        shown.page.locator("nav[aria-label=Scenarios] a").nth(RUNS - 1).click()
        wait_for_charts(shown, RUNS - 1)
        assert count_charts(shown, 4) == 0
        shown.page.locator("article").nth(4).scroll_into_view_if_needed()
        wait_for_charts(shown, 4)
        assert shown.messages == []
        assert shown.requests == []


def test_a_suite_is_printed_with_all_charts(browser: Browser, tmp_path: Path) -> None:
    """Before the page is printed, the charts of all runs are drawn."""
    with shown_file(browser, write(tmp_path, suite_page())) as shown:
        shown.page.pdf(format="A4")
        counts = {count_charts(shown, number) for number in range(RUNS)}
        assert len(counts) == 1
        assert counts.pop() > 4
        assert shown.messages == []


def test_a_chart_that_was_not_seen_can_be_saved(browser: Browser, tmp_path: Path) -> None:
    """The CSV of a run far below has the values of the chart, not its table."""
    with shown_file(browser, write(tmp_path, suite_page())) as shown:
        assert count_charts(shown, RUNS - 1) == 0
        with shown.page.expect_download() as saved:
            shown.value(f"document.querySelector('#run{RUNS}-time1 [aria-label*=CSV]').click()")
        assert saved.value.path().read_text(encoding="utf-8").startswith("time (s),")


def test_charts_of_two_runs_have_no_common_zoom(browser: Browser, tmp_path: Path) -> None:
    """A zoom changes the charts over time of its own run."""
    with shown_file(browser, write(tmp_path, suite_page())) as shown:
        shown.page.locator("nav[aria-label=Scenarios] a").nth(1).click()
        wait_for_charts(shown, 1)
        shown.page.locator("#run1-time1 .canvas").press("+")
        shown.page.locator("#run1-time2 .reset").wait_for()
        assert shown.page.locator("#run2-time1 .reset").is_hidden()


def test_a_suite_without_its_script_has_all_tables(browser: Browser, tmp_path: Path) -> None:
    """Each run is there, with the tables of its charts."""
    file = write(tmp_path, suite_page())
    with shown_file(browser, file, java_script_enabled=False) as shown:
        assert shown.page.locator("article").count() == RUNS
        last = shown.page.locator("article").nth(RUNS - 1)
        last.get_by_text("As a table").first.click()
        assert last.locator("details[open] table").first.is_visible()


def test_a_compressed_report_is_text_when_its_fold_is_open(browser: Browser, tmp_path: Path) -> None:
    """The text is that of the file, and can be copied; without the script, the link saves the file."""
    report, series = regressed()
    text = render_page(report.model_copy(update={"headline": "long " * MOST_TEXT}), series)
    file = write(tmp_path, text)
    with shown_file(browser, file) as shown:
        assert shown.page.locator("textarea").is_hidden()
        shown.page.get_by_text("The complete report as JSON").click()
        shown.page.locator("textarea").wait_for()
        unpacked = shown.page.locator("textarea").input_value()
        assert json.loads(unpacked)["headline"] == "long " * MOST_TEXT
        assert shown.page.locator("[data-copies=run-json]").is_visible()
        assert shown.messages == []
    with shown_file(browser, file, java_script_enabled=False, accept_downloads=True) as shown:
        shown.page.get_by_text("The complete report as JSON").click()
        link = shown.page.get_by_role("link", name="Save as a compressed file")
        packed = base64.b64decode((link.get_attribute("href") or "").partition(",")[2])
        assert gzip.decompress(packed).decode() == unpacked
        with shown.page.expect_download() as saved:
            link.click()
        assert saved.value.suggested_filename == "run.json.gz"
