"""What people see of the answer of a capacity search."""

import csv
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from bench.core.capacity.load_trial import TrialVerdict
from bench.core.capacity.overload import OverloadReport
from bench.core.report.capacity_headline import describe_answer
from bench.core.report.report import Report
from bench.render.document.capacity import trial_table
from bench.render.document.document import make_document
from bench.render.document.format import RunInput, Terminal
from bench.render.formats import RUN_FORMATS
from bench.render.html.assets import Assets, content_security_policy
from bench.render.html.capacity_curves import draw_curves
from bench.render.html.load_curve import list_ticks
from bench.render.html.page import render_page
from bench.render.json_ import run_json
from bench.render.junit import run_junit
from bench.render.markdown import run_markdown
from bench.render.results import results_text
from bench.render.text import run_text
from tests.render.capacities import (
    SUCCESS,
    capacities,
    drawn_with,
    hostile_capacity,
    make_trial,
    make_trials,
    narrow,
    run_with,
)
from tests.render.parsed_page import check_page, headings_of

ASSETS = Assets(style="/* the style */", script="/* the script */")


@pytest.mark.parametrize("name", capacities())
def test_answers_look_as_they_were_approved(name: str, golden: Callable[[str, str], None]) -> None:
    """The text for 80 columns equals the approved file, fits the terminal, and begins with the answer."""
    text = results_text(run_with(capacities()[name]), Terminal(80))
    golden(f"capacity-{name}.txt", text)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 25
    assert re.match("Carries|No safe load", lines[0])


def test_bars_reach_the_mark_where_the_objective_breaks() -> None:
    """A bar that ends at the mark stands for the limit, and one beyond twice the limit ends in an arrow."""
    capacity = narrow().model_copy(update={"trials": make_trials(1, 18, 20, 60)})
    drawing = trial_table(capacity).drawing
    assert drawing is not None
    assert list(drawing.cells) == ["██···│·····", "█████│·····", "█████│█····", "█████│████▶"]


def test_a_terminal_shows_the_trials_near_the_safe_load() -> None:
    """Trials far away are left out, and the title states their number."""
    trials = [make_trial(load, TrialVerdict.MET) for load in range(1, 21)]
    capacity = narrow().model_copy(update={"trials": tuple(trials)})
    table = trial_table(capacity, 3)
    assert [row[0] for row in table.rows] == ["16", "17", "18"]
    assert table.title == "Trials by load (users), without 17 far from the safe load"
    assert len(trial_table(capacity).rows) == 20


def test_a_trial_without_an_objective_has_no_share() -> None:
    """Missing data is a dash, and a bar without data is empty."""
    bare = make_trial(4, TrialVerdict.OPEN, counts=(), p95_ms=None)
    table = trial_table(narrow().model_copy(update={"trials": (bare,)}))
    assert table.rows == (("4", "–", "–", "–", "0.495", "28 s", "cannot tell"),)  # noqa: RUF001 - dashes
    assert table.drawing is not None
    assert table.drawing.cells == ("·····│·····",)


@pytest.mark.parametrize("name", ["narrow", "none-met"])
def test_reports_begin_with_the_answer(name: str, golden: Callable[[str, str], None]) -> None:
    """Text and Markdown of a report begin with the answer, then comes the judgement."""
    report, _ = drawn_with(capacities()[name])
    text = run_text(report, width=80, colour=False)
    golden(f"capacity-{name}-report.txt", text)
    golden(f"capacity-{name}-report.md", run_markdown(report))
    assert max(map(len, text.splitlines())) <= 80
    assert re.match("Carries|No safe load", text)
    assert re.search("Carries|No safe load", run_markdown(report).splitlines()[0])


def test_a_report_joins_no_requests_of_different_loads() -> None:
    """Distributions, percentiles and bands of all trials together describe no load, so they are left out."""
    report, _ = drawn_with(narrow())
    document = make_document(report)
    titles = [table.title for table in (*document.judged, *document.details)]
    assert not [title for title in titles if title.startswith(("Latencies", "At each load", "Thresholds"))]
    labels = [label for label, _ in document.facts]
    assert not {"load", "bottleneck", "answered"} & {*labels}


def test_json_contains_the_answer() -> None:
    """A report survives a round trip through JSON with its trials, its curve and its zones."""
    report, _ = drawn_with(capacities()["narrow"])
    read = Report.model_validate_json(run_json(report))
    assert read.result.capacity == capacities()["narrow"]


def test_csv_has_a_row_for_each_trial() -> None:
    """A spreadsheet gets the trials in the order of the search, with the misses of each objective."""
    report, series = drawn_with(capacities()["several"])
    run = RunInput(report, lambda: series, tuple)
    rows = [*csv.DictReader(io.StringIO("".join(RUN_FORMATS["csv"].render(run))))]
    assert [float(row["load"]) for row in rows] == [2.5, 5.0, 4.0, 3.0]
    assert {row["unit"] for row in rows} == {"requests/s"}
    assert [row[f"missed: {SUCCESS}"] for row in rows] == ["0", "18", "18", "0"]
    assert {*rows[0]} >= {"verdict", "duration_s", "throughput_rps", "p95_ms", "tier.queue_ms"}


def test_junit_has_one_case_for_the_safe_load() -> None:
    """Its case passes if there is a safe load; without one it is skipped, because only a comparison fails."""
    for name, status in (("narrow", []), ("none-met", ["skipped"])):
        report, _ = drawn_with(capacities()[name])
        root = ET.fromstring(run_junit(report))  # noqa: S314 - it is ours
        (case,) = [case for case in root.iter("testcase") if case.attrib["name"] == "safe load"]
        assert [child.tag for child in case if child.tag != "system-out"] == status
        texts = "".join(case.itertext()) + "".join(child.get("message", "") for child in case)
        assert re.search("Carries|[Ss]afe load", texts)


@pytest.mark.parametrize("name", capacities())
def test_pages_show_the_curves(name: str) -> None:
    """A page of each end is well-formed, begins with the answer, and draws each objective and throughput."""
    report, series = drawn_with(capacities()[name])
    page = check_page(render_page(report, series, ASSETS), content_security_policy(ASSETS))
    assert re.match("Carries|No safe load", page.find("h1").text)
    capacity = capacities()[name]
    shown = [figures.find_all("figure", class_="curve") for figures in page.find_all("div", class_="curves")]
    expected = len(capacity.objectives) + 1 if capacity.trials else 0
    assert sum(map(len, shown)) == expected
    assert "Distribution of latencies" not in headings_of(page)


def test_a_page_draws_each_trial_with_its_interval() -> None:
    """Each trial is a mark whose text has load, time, interval and verdict; a longer time is an arrow."""
    report, series = drawn_with(capacities()["narrow"])
    page = check_page(render_page(report, series, ASSETS), content_security_policy(ASSETS))
    figure = page.find_all("figure", class_="curve")[0]
    texts = [group.find("title").text for group in figure.find_all("g")]
    assert "20 users: 12.3 s, 10.6 s to 14.8 s, broken" in texts
    assert len(texts) == len(capacities()["narrow"].trials)
    labels = [element.text for element in figure.find_all("text")]
    assert {"met", "limit", "breaks", "safe load: 17 users", "objective: at most 10 s", "25.3 s"} <= {*labels}


def test_the_first_drawing_is_that_of_the_objective_that_breaks_first() -> None:
    """An objective without a time is drawn as the share of requests that miss it."""
    first, second, *_ = draw_curves(capacities()["several"])
    assert first.title == f"Requests that miss {SUCCESS}, by load (requests/s)"
    assert first.limit is not None
    assert first.limit.label == "objective: at most 1 %"
    assert second.title == "p95 by load (requests/s)"


def test_a_limit_of_a_second_is_written_with_all_digits() -> None:
    """Milliseconds never become powers of ten."""
    capacity = capacities()["narrow"]
    trial = capacity.trials[0]
    counts = trial.counts[0].model_copy(
        update={"limit_ms": 1000.0, "time_ms": 600.0, "low_ms": None, "high_ms": None}
    )
    quick = trial.model_copy(update={"counts": (counts,)})
    first, *_ = draw_curves(capacity.model_copy(update={"trials": (quick,)}))
    assert first.limit is not None
    assert first.limit.label == "objective: at most 1,000 ms"


def test_a_drawing_without_an_upper_end_shows_the_sure_load() -> None:
    """The headline and the drawing say `at least` of the lower end of the interval."""
    capacity = capacities()["all-met"]
    safe = capacity.safe_load
    assert safe is not None
    unsure = capacity.model_copy(update={"safe_load": safe.model_copy(update={"low": 90.0})})
    first, *_ = draw_curves(unsure)
    assert first.safe is not None
    assert first.safe.label == "safe load: at least 90 users"
    assert describe_answer(unsure).startswith("Carries at least 90 users at ")


def test_a_growth_model_that_misses_the_throughput_is_not_drawn() -> None:
    """The page then says so, instead of a line that contradicts the trials."""
    capacity = capacities()["narrow"]
    curve = capacity.curve
    assert curve is not None
    assert curve.usl is not None
    _, throughput, *_ = draw_curves(capacity)
    assert [line.label for line in throughput.lines if line.label] == [
        "growth model (Universal Scalability Law)"
    ]
    missed = []
    for residual in curve.usl.residuals:
        missed.append(residual.model_copy(update={"throughput": 0.5}))
    usl = curve.usl.model_copy(update={"residuals": tuple(missed)})
    _, throughput, *_ = draw_curves(
        capacity.model_copy(update={"curve": curve.model_copy(update={"usl": usl})})
    )
    assert [line.label for line in throughput.lines if line.label] == []
    assert "The growth model does not explain these loads" in throughput.text


def test_scales_have_round_values() -> None:
    """A scale has at most nine ticks, and users are whole numbers."""
    for largest in (0.06, 1.08, 3.4, 34.6, 162.0, 9_999.0):
        ticks = list_ticks(largest)
        assert 2 <= len(ticks) <= 9
        assert ticks[-1] <= largest
    assert list_ticks(1.08, 1.0) == [0.0, 1.0]


def test_hostile_names_stay_text() -> None:
    """Names of tiers, objectives and scenarios become no markup on a page."""
    check_page(render_page(*hostile_capacity(), ASSETS), content_security_policy(ASSETS))
    text = results_text(hostile_capacity()[0].result, Terminal(80))
    assert "\x1b" not in text


def test_the_behaviour_beyond_the_safe_load_is_reported() -> None:
    """If it was measured, its sentences stand below the curves and in the facts of a terminal."""
    overload = OverloadReport(
        unit="users", load=34, rest_load=8, spike_s=30, best_goodput_rps=1.9, goodput_rps=1.8,
        goodput_ratio=None, goodput=None, recovery_s=12, watched_s=60, fairness=None, shedding=None,
    )  # fmt: skip
    report, series = drawn_with(narrow().model_copy(update={"overload": overload}))
    page = check_page(render_page(report, series, ASSETS), content_security_policy(ASSETS))
    assert "Beyond the safe load" in page.text
    assert "Recovery after a spike" in page.text
    assert "overload" in results_text(report.result, Terminal(80))
