"""The size of pages of runs that have many of one thing."""

from dataclasses import replace

import pytest

from bench.core.report.report import Report
from bench.core.report.series import RunSeries
from bench.core.report.suite import judge_suite
from bench.core.verdict.verdict import Verdict
from bench.render.document.document import make_document
from bench.render.html.page import render_page, render_suite_page
from bench.render.html.parts import limit_rows
from bench.render.html.run.section import make_section
from benchmarks.pages.kinds import KINDS, RunKind, judge
from tests.render.drawn import regressed
from tests.render.parsed_page import charts_of, parse_page

LIMIT = 400_000
"""Bytes of a page of one run."""
CHEAP = {
    "1,000 messages": replace(KINDS["1,000 messages"], requests=8_000),
    "64 tiers": KINDS["64 tiers"],
    "60 services": replace(KINDS["100 services"], services=60),
    "50 stages": KINDS["50 stages"],
    "200 outages": KINDS["200 outages"],
    "500 warnings": KINDS["500 warnings"],
}
"""Kinds of runs that are made within seconds."""


@pytest.mark.parametrize("name", CHEAP)
def test_a_page_stays_light(name: str) -> None:
    """Whatever a run has many of, its page keeps the limit, and every table has a bounded number of rows."""
    text = render_page(*judge(CHEAP[name]))
    assert len(text.encode()) <= LIMIT
    for table in parse_page(text).find_all("table"):
        assert len(table.find_all("tr")) <= 80


def test_a_cut_table_names_its_rows() -> None:
    """A table without all of its rows says how many it has, and where the others are."""
    messages = make_section("run", *judge(CHEAP["1,000 messages"])).messages
    assert messages is not None
    assert messages.complete is not None
    assert messages.complete.table.title.endswith("50 of 1,000 rows (the raw data has all)")
    assert len(messages.complete.table.rows) == len(messages.complete.intervals) == 50
    changes = [row.change_ratio for row in messages.complete.table.compared]
    assert changes == sorted(changes, key=lambda change: -(change or 0.0))


def test_a_cut_table_keeps_the_rows_that_became_worse() -> None:
    """The tiers are in the order of their names, and the one that became worse has the last name."""
    report, _ = judge(CHEAP["64 tiers"])
    (tiers,) = [table for table in make_document(report).judged if len(table.rows) == 65]
    worse = [row.key for row in tiers.compared if row.verdict is Verdict.WORSE]
    assert worse
    cut = limit_rows(tiers)
    assert len(cut.rows) == len(cut.compared) == 50
    assert {row.key for row in cut.compared} >= {*worse}
    assert [row for row in tiers.rows if row in cut.rows] == [*cut.rows]


def test_charts_share_their_places() -> None:
    """The data of a page has the places, the stages and the events of all charts over time once."""
    page = parse_page(render_page(*regressed()))
    charts = [chart for chart in charts_of(page).values() if chart["across"] == "s"]
    assert len(charts) > 4
    (script,) = page.find_all("script", id="charts")
    places = str(charts[-1]["layers"][-1]["at"]).replace(" ", "")
    assert script.raw_text.count(places) == 1
    assert script.raw_text.count("agent down") == 1


def _suite(count: int) -> tuple[list[Report], list[RunSeries]]:
    runs = [judge(RunKind(requests=400), f"scenario-{number}") for number in range(count)]
    return [report for report, _ in runs], [series for _, series in runs]


def test_runs_of_a_suite_share_the_size_of_the_page() -> None:
    """Each of many runs is smaller than a page of its own, without the style and the script."""
    reports, series = _suite(6)
    suite = judge_suite(reports)
    one = len(render_page(reports[0], series[0]))
    two = len(render_suite_page(judge_suite(reports[:2]), series[:2]))
    six = len(render_suite_page(suite, series))
    assert (six - two) / 4 < 0.45 * one
