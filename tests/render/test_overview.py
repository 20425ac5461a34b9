"""The first screen of a run's page."""

import re
from collections.abc import Callable
from itertools import pairwise

import pytest

from bench.core.report.affected import find_decisive_row, list_classes
from bench.core.report.report import Report
from bench.core.report.row_words import margin_ratio_of
from bench.core.report.series import make_series
from bench.core.report.words import VERDICTS
from bench.core.samples.metrics import tier_name
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import Verdict
from bench.render.document.document import make_document
from bench.render.html.assets import Assets, content_security_policy
from bench.render.html.page import render_page
from bench.render.html.run.decisive import draw_decisive
from bench.render.html.run.decisive_parts import Decisive
from bench.render.html.run.overview import make_overview, split_command
from bench.render.html.run.tiles import draw_spark, make_tiles
from tests.factories import make_baseline
from tests.render import drawn
from tests.render.capacities import capacities, drawn_with
from tests.render.parsed_page import Element, check_page
from tests.render.reports import reports

REPORTS = reports()
ASSETS = Assets(style="/* the style */", script="/* the script */")
POLICY = content_security_policy(ASSETS)
LATENCIES = [name for name in REPORTS if name not in {"errors", "all-failed", "crossed"}]
PROVEN = {Verdict.WORSE, Verdict.WITHIN_TOLERANCE, Verdict.BETTER}


def page_of(report: Report) -> Element:
    """Return the page of a report whose baseline has ten runs."""
    baseline = make_baseline() if report.comparison.baseline_runs else None
    return check_page(render_page(report, make_series(report.result, None, baseline), ASSETS), POLICY)


def drawing_of(name: str) -> Decisive:
    """Return the drawing of a report, which has one."""
    drawing = draw_decisive(REPORTS[name])
    assert drawing is not None
    return drawing


@pytest.mark.parametrize("name", LATENCIES)
def test_the_drawing_agrees_with_the_compared_row(name: str) -> None:
    """Order of the ends, side of the base, and position against the tolerance are those of the row."""
    row = find_decisive_row(REPORTS[name])
    drawing = draw_decisive(REPORTS[name])
    assert (drawing is None) == (row is None)
    if drawing is None or row is None or row.change_ratio is None or drawing.main.tolerated is None:
        return
    main = drawing.main
    assert 0 <= main.low <= main.middle <= main.high <= 100
    assert drawing.zero is not None
    assert (main.middle > drawing.zero) == (row.change_ratio > 0)
    assert main.tone == VERDICTS[row.verdict].tone
    start, width = drawing.main.tolerated
    assert start < drawing.zero < start + width
    assert row.margin_ratio is not None
    is_within = abs(row.change_ratio) <= row.margin_ratio
    assert (start <= main.middle <= start + width) == is_within


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("regression", "worse by more than the tolerance"),
        ("tolerated", "worse, but within the tolerance"),
        ("improvement", "faster"),
        ("errors", "fewer requests succeed"),
        ("crossed", "p95 response time is above its threshold of 100 ms"),
    ],
)
def test_the_result_is_written_beside_the_drawing(name: str, result: str) -> None:
    """The reader needs no colour to know the result."""
    assert drawing_of(name).result == result
    figure = page_of(REPORTS[name]).find("figure", class_="decisive")
    assert figure.find("span", class_="result").text == result
    assert result in figure.find("svg", role="img").attributes["aria-label"]


def test_a_change_that_may_be_chance_has_its_smallest_detectable_one() -> None:
    """Without a verdict, the reader learns which change would have been seen."""
    found = r"a change of [\d.,]+ % or more would be found"
    assert re.fullmatch(f"cannot tell; {found}", drawing_of("too-noisy").result)
    assert re.fullmatch(f"no change; {found}", drawing_of("pass").result)


def test_all_intervals_have_one_axis() -> None:
    """A class below the decisive row has the same places for the same change."""
    drawing = drawing_of("long-messages")
    (short,) = drawing.others
    assert drawing.zero is not None
    assert short.low < drawing.zero < short.high
    assert short.middle < drawing.main.low


@pytest.mark.parametrize("name", LATENCIES)
def test_each_row_lies_on_its_own_tolerance(name: str) -> None:
    """A class that is tolerated lies within the field below it, which may differ from that of the run."""
    report = REPORTS[name]
    drawing = draw_decisive(report)
    decisive = find_decisive_row(report)
    others = list_classes(report)
    if drawing is None or decisive is None:
        return
    for row, reach in zip(others, drawing.others, strict=True):
        assert reach.tolerated is not None
        start, width = reach.tolerated
        end = start + width
        is_within = abs(row.change_ratio or 0.0) <= margin_ratio_of(row)
        assert (start <= reach.middle <= end) == is_within or end == 100
        has_own = f"{margin_ratio_of(row):.0%}" != f"{margin_ratio_of(decisive):.0%}"
        assert ("tolerated ±" in reach.note) == has_own


def test_a_search_without_a_baseline_shows_its_own_interval() -> None:
    """The safe load stands among the tried loads; an interval without an end has an arrow."""
    report, _ = drawn_with(capacities()["narrow"])
    drawing = draw_decisive(report)
    assert drawing is not None
    assert {mark.look for mark in drawing.marks} == {"met", "broken", "open"}
    assert drawing.main.low < drawing.main.middle < drawing.main.high
    report, _ = drawn_with(capacities()["all-met"])
    drawing = draw_decisive(report)
    assert drawing is not None
    assert drawing.main.ends_after


@pytest.mark.parametrize("name", ["no-baseline", "interrupted"])
def test_without_a_comparison_the_page_says_what_is_missing(name: str) -> None:
    """There is no drawing of an unknown change."""
    page = page_of(REPORTS[name])
    assert page.find_all("figure", class_="decisive") == []
    assert len(page.find("p", class_="missing").text) > 40


def test_the_command_of_the_next_step_can_be_copied() -> None:
    """The sentence is complete, and its command is an element of its own with a button."""
    report = REPORTS["regression"]
    page = page_of(report)
    step, accept = page.find_all("p", class_="next")
    assert f"{step.text} {accept.text}" == report.next_step.replace("`", "")
    command = page.find("code", id="run-accept").text
    assert command.startswith("bench baseline accept results/")
    assert page.find_all("button", data_copies="run-accept") != []
    assert split_command("Nothing to do.").command == ""


def test_a_usual_run_has_no_strip() -> None:
    """Nothing stands above the verdict of a run without a caution."""
    assert page_of(REPORTS["pass"]).find_all("ul", class_="strip") == []
    strip = page_of(REPORTS["hostile"]).find("ul", class_="strip")
    assert "Made worse on purpose: model.slowdown=1.3" in strip.text


@pytest.mark.parametrize("name", REPORTS)
def test_long_reasons_are_folded(name: str) -> None:
    """At most three short reasons that add something stand open; the others follow in their order."""
    report = REPORTS[name]
    document = make_document(report)
    overview = make_overview(report, make_series(report.result), document)
    assert {*overview.reasons, *overview.more_reasons} == {*document.reasons}
    assert not any(reason.endswith((" is worse", " is better")) for reason in overview.reasons)
    assert len(overview.reasons) <= 3
    assert all(len(reason) <= 120 for reason in overview.reasons)


def test_tiles_show_the_runs_of_the_baseline() -> None:
    """Each tile with values of the baseline has their range in words; one without them has no drawing."""
    report, series = drawn.regressed()
    tiles = {tile.label: tile for tile in make_tiles(report, series)}
    assert list(tiles) == ["response time", "p95 response time", "success", "throughput, answers"]
    spark = tiles["response time"].spark
    assert spark is not None
    assert re.fullmatch(r"10 runs of the baseline: \d+ ms to \d+ ms; this run: 608 ms", spark.text)
    without = make_tiles(report, make_series(report.result))
    assert [tile.spark for tile in without] == [None] * 4


def test_a_sparkline_has_the_largest_value_at_the_top() -> None:
    """The dot of a larger value is higher; equal values are a line and no field."""
    spark = draw_spark([10.0, 12.0, 11.0], 20.0, "ms")
    assert spark.band is not None
    assert spark.dot < spark.band[0]
    assert len(spark.lines) == 2
    assert spark.lines[0].y1 > spark.lines[0].y2
    equal = draw_spark([1.0, 1.0, 1.0], 1.0, "ratio")
    assert equal.band is None
    assert {equal.dot, *(line.y1 for line in equal.lines)} == {equal.dot}


KINDS: dict[str, Callable[[], Report]] = {
    "worse": lambda: REPORTS["regression"],
    "tier": lambda: REPORTS["long-messages"],
    "pass": lambda: REPORTS["pass"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_screen_answers_what_changed(kind: str) -> None:
    """The tier and the affected messages lead to the panels that have more about them."""
    report = KINDS[kind]()
    page = page_of(report)
    answers = page.find("dl", class_="answers")
    labels = [entry.text for entry in answers.find_all("dt")]
    assert labels[-1] == "What now"
    tiers = [tier_name(row.key) for row in report.comparison.metrics]
    is_named = any(tier is not None and f"`{tier}`" in report.headline for tier in tiers)
    assert ("Tier" in labels) == is_named
    assert ("Since when" in labels) == (kind != "pass")
    for link in answers.find_all("a"):
        assert page.find_all(id=link.attributes["href"].removeprefix("#")) != []


def test_the_verdict_stays_in_sight() -> None:
    """The bar at the top has the decision and the change, and leads back to the verdict."""
    pill = page_of(REPORTS["regression"]).find("div", class_="topbar").find("a", class_="pill")
    assert re.fullmatch(r"✕ FAIL \+\d+ %", pill.text)
    assert pill.attributes["href"] == "#run-headline"


@pytest.mark.parametrize("name", REPORTS)
def test_labels_of_the_axis_have_space(name: str) -> None:
    """On a phone no two labels touch, and the words of the change stay within the drawing."""
    drawing = draw_decisive(REPORTS[name])
    if drawing is None:
        return
    ticks = [tick for tick in drawing.ticks if not tick.is_minor]
    for before, after in pairwise(ticks):
        assert (after.at - before.at) * 3.19 > 3.0 * (len(before.label) + len(after.label))
    assert 0 < drawing.main.label_at < 100


def test_an_invalid_run_looks_like_no_verdict() -> None:
    """Its mark has a sign of its own, its tiles are not judged, and no link leads to a slow request."""
    page = page_of(next(report for report in REPORTS.values() if report.decision is Decision.INVALID))
    assert page.find("div", class_="topbar").find("a", class_="pill").text == "! INVALID"
    assert all("not judged" in tile.text for tile in page.find("dl", class_="figures").find_all("dt"))
    assert page.find_all("p", class_="slowest") == []


def test_a_search_without_a_baseline_has_its_answer_as_mark() -> None:
    """The answer is clear, although the run cannot be compared."""
    report, series = drawn_with(capacities()["narrow"])
    page = check_page(render_page(report, series, ASSETS), POLICY)
    assert page.find("div", class_="topbar").find("a", class_="pill").text == "17 users (15 to 19)"


def test_failed_requests_are_marked_as_failed() -> None:
    """The mark of a failed run names the failures, their culprit has a row, and the threshold is a field."""
    report = REPORTS["errors"]
    page = page_of(report)
    first = make_overview(report, make_series(report.result), make_document(report))
    assert first.change == "9 % failed"
    assert first.culprits == "target"
    assert "target" in page.find("dl", class_="answers").text
    drawing = drawing_of("errors")
    has_threshold = any(limit.metric == "success_ratio" for limit in report.result.thresholds)
    assert (drawing.main.tolerated is not None) == has_threshold
