"""The page of several runs side by side, without a browser."""

import json
from dataclasses import replace

import pytest

from bench.core.experiment.pareto import SAME_RATIO
from bench.core.report.side_by_side import SideBySide
from bench.render.document.side_by_side import list_summary_metrics
from bench.render.html.assets import Assets, content_security_policy, load_assets
from bench.render.html.side_by_side.drawings import draw_differences, draw_safe_loads, draw_tiers
from bench.render.html.side_by_side.front import draw_front
from bench.render.html.side_by_side.overlays import make_line
from bench.render.html.side_by_side.page import render_side_by_side_page
from bench.render.html.side_by_side.run_table import find_best
from tests.render.parsed_page import Element, charts_of, check_page, table_of
from tests.render.side_runs import SETS, RunSet, reorder

ASSETS = Assets(style="/* the style */", script="/* the script */")


def page_of(runs: RunSet) -> Element:
    """Return the parsed page of some runs, after the checks that every page must pass."""
    text = render_side_by_side_page(runs.report, runs.curves, ASSETS)
    return check_page(text, content_security_policy(ASSETS))


@pytest.mark.parametrize("name", SETS)
def test_every_set_has_a_valid_page(name: str) -> None:
    """The structure is valid, accessible and safe, and the raw data are the report."""
    page = page_of(SETS[name]())
    side = SETS[name]().report
    assert SideBySide.model_validate_json(page.find("textarea").raw_text.strip()) == side


@pytest.mark.parametrize("name", SETS)
def test_the_page_has_every_metric_and_condition(name: str) -> None:
    """No value of a run is missing on the page."""
    side = SETS[name]().report
    page = page_of(SETS[name]())
    rows = page.find("section", aria_labelledby="differences").find_all("tr")
    assert len([row for row in rows if row.find_all("td")]) >= len(side.metrics)
    _, conditions = table_of(page, "What differs") if side.differing else ((), [])
    assert len(conditions) == len(side.differing)
    _, runs = table_of(page, "Runs")
    assert [row[0].split()[1] for row in runs] == [run.run_id for run in side.runs]


def test_a_run_has_one_colour_and_one_dash_in_every_drawing() -> None:
    """No two runs look alike in a chart, and the style sheet has a look for each letter."""
    lines = [make_line(letter, ()) for letter in "ABCDEFGHIJ"]
    assert len({(line.tone, line.look) for line in lines}) == 10
    style = load_assets("side_by_side").style
    for line in lines:
        assert f".run-{line.label} {{ --run: var(--{line.tone})" in style
    assert "side_by_side" not in load_assets().style


def test_runs_without_stored_requests_are_named() -> None:
    """The curves over time need the requests; the distribution comes from the result alone."""
    runs = SETS["three"]()
    without = replace(runs, recordings=(runs.recordings[0], None, runs.recordings[2]))
    page = page_of(without)
    assert "their requests are not stored: run B." in page.find("article").text
    charts = charts_of(page)
    assert [line["label"] for line in charts["chart-latency"]["layers"][0]["lines"]] == ["A", "C"]
    assert [line["label"] for line in charts["chart-shares"]["layers"][0]["lines"]] == ["A", "B", "C"]
    none = replace(runs, recordings=(None, None, None))
    assert "chart-latency" not in charts_of(page_of(none))


def test_a_distribution_ends_at_one_and_never_falls() -> None:
    """The share of the requests until a time grows to 1, and percentiles grow with their share."""
    curves = SETS["three"]().curves
    assert curves.shares is not None
    assert curves.percentiles_ms is not None
    for curve in curves.shares.curves:
        values = [value for value in curve.values if value is not None]
        assert values == sorted(values)
        assert values[-1] == pytest.approx(1.0, abs=0.02)
    for curve in curves.percentiles_ms.curves:
        values = [value for value in curve.values if value is not None]
        assert values == sorted(values)


def test_percentiles_are_those_of_the_requests() -> None:
    """The drawn median is that of the summary, within the accuracy of the histogram."""
    runs = SETS["pair"]()
    curves = runs.curves.percentiles_ms
    assert curves is not None
    place = min(range(len(curves.at)), key=lambda number: abs(curves.at[number] - 0.30103))
    for curve, result in zip(curves.curves, runs.results, strict=True):
        assert curve.values[place] == pytest.approx(result.summary.metrics["e2e_ms"].p50, rel=0.06)


def test_equal_values_look_near_to_each_other() -> None:
    """Values that count as equal are at most a fifth of the scale apart, and the vertical axis has a name."""
    side = SETS["three"]().report
    front = side.fronts[0]
    first = front.points[0]
    points = []
    for number, point in enumerate(front.points):
        ratio = 1.0 + SAME_RATIO * (number % 2)
        points.append(point.model_copy(update={"up": first.up * ratio, "across": first.across * ratio}))
    drawn = draw_front(side, front.model_copy(update={"points": tuple(points)}))
    assert drawn.y_name == front.label
    assert max(point.at for point in drawn.points) - min(point.at for point in drawn.points) <= 20.0


def test_the_front_is_connected_and_others_are_grey() -> None:
    """The pieces lead from run to run on the front; a failed run is marked, and never on it."""
    side = SETS["three"]().report
    cost = draw_front(side, side.fronts[1])
    on_front = sorted((point.at, point.height) for point in cost.points if point.look == "front")
    starts = [(piece.start, piece.start_height) for piece in cost.line]
    ends = [(piece.end, piece.end_height) for piece in cost.line]
    assert starts == on_front[:-1]
    assert ends == on_front[1:]
    invalid = SETS["invalid"]().report
    looks = {point.letter: point.look for point in draw_front(invalid, invalid.fronts[0]).points}
    assert looks == {"A": "front", "B": "behind", "C": "invalid"}
    assert "is invalid" in page_of(SETS["invalid"]()).find(id="front1").text
    assert "C, 2 % failed" in page_of(SETS["three"]()).find(id="front1").text


@pytest.mark.parametrize("name", SETS)
def test_bars_show_the_direction_and_the_size_of_a_difference(name: str) -> None:
    """A higher value is on the right; all bars have one scale, and none leaves the drawing."""
    side = SETS[name]().report
    for row, drawn in zip(side.metrics, draw_differences(side), strict=True):
        values = {run.letter: value for run, value in zip(side.runs, row.values, strict=True)}
        for bar in drawn.bars:
            value = values[bar.letter]
            assert value is not None
            assert value.difference is not None
            assert 0 <= bar.start <= bar.start + bar.width <= 100.1
            assert (bar.start >= 50) == (value.difference > 0 or bar.width == 0)
    sizes = [bar.width for drawn in draw_differences(SETS["pair"]().report) for bar in drawn.bars]
    reliable = [row for row in SETS["pair"]().report.metrics if not row.is_unreliable]
    assert sizes[: len(reliable)] == sorted(sizes[: len(reliable)], reverse=True)


def test_the_tiers_of_each_run_stand_in_one_order() -> None:
    """The bars have one scale: the longest one fills the width."""
    stacks = draw_tiers(SETS["three"]().report)
    assert [stack.letter for stack in stacks] == ["A", "B", "C"]
    ends = [stack.parts[-1].start + stack.parts[-1].width for stack in stacks]
    assert max(ends) == pytest.approx(100.0, abs=0.1)
    orders = [[part.text.split()[0] for part in stack.parts] for stack in stacks]
    assert orders[0] == orders[1] == orders[2]
    assert draw_tiers(SETS["searches"]().report) == ()


def test_safe_loads_are_drawn_with_their_intervals() -> None:
    """The dot is inside the interval, and a larger load is further to the right."""
    one, two = draw_safe_loads(SETS["searches"]().report)
    assert one.low < one.middle < one.high < two.low < two.middle < two.high <= 100
    assert one.text == "run A: 17 users (15 to 19)"
    assert draw_safe_loads(SETS["pair"]().report) == ()
    assert "Throughput by load" in page_of(SETS["searches"]()).text


@pytest.mark.parametrize("name", SETS)
def test_the_best_values_are_marked_with_a_word(name: str) -> None:
    """No marked value is beaten by more than 5 %; doubtful runs and doubtful values are not marked."""
    side = SETS[name]().report
    heads, rows = table_of(page_of(SETS[name]()), "Runs")
    for row in list_summary_metrics(side):
        cells = [cells[heads.index(row.label)] for cells in rows]
        marked = {number for number, cell in enumerate(cells) if cell.startswith("best: ")}
        assert marked == find_best(side.runs, row)
        assert len(marked) < len(side.runs)
        for number in marked:
            assert side.runs[number].excluded is None
            assert "?" not in cells[number]
    times = [cells[heads.index("response time")] for cells in rows] if "response time" in heads else []
    if name == "three":
        assert times == ["434 ms", "best: 348 ms", "521 ms"]


def test_the_marks_at_values_are_explained_at_the_table() -> None:
    """The reader needs no search for the meaning of `?`."""
    panel = page_of(SETS["three"]()).find("section", aria_labelledby="runs").text
    assert "?: too few requests for a reliable value" in panel
    assert "★: the best value, or within 5 % of it" in panel


def test_what_all_runs_have_in_common_stands_once() -> None:
    """Equal stacks and loads are no columns; different ones are."""
    heads, _ = table_of(page_of(SETS["three"]()), "Runs")
    assert not {"stack", "load"} & {*heads}
    assert "10 VUs, 15 s; then 20 VUs, 15 s" in page_of(SETS["three"]()).find("p", class_="about").text
    heads, _ = table_of(page_of(SETS["other-load"]()), "Runs")
    assert "load" in heads


def test_the_subject_of_a_commit_stands_next_to_it() -> None:
    """In the table of the runs, and in that of the differences; a run without one has none."""
    page = page_of(SETS["three"]())
    subjects = [each.text for each in page.find_all("span", class_="subject")]
    assert subjects == ["Answer with four workers"] * 2


def test_the_command_of_the_next_step_can_be_copied() -> None:
    """The complete command is an element of its own, with a button."""
    page = page_of(SETS["three"]())
    command = "bench ab embedded@000000000 embedded@111111111 --scenario quick"
    assert page.find("code", id="next").text == command
    assert page.find("button", data_copies="next").text == "Copy"


def test_hostile_text_stays_text() -> None:
    """Names neither end the data of the charts nor start an element."""
    runs = SETS["hostile"]()
    text = render_side_by_side_page(runs.report, runs.curves, ASSETS)
    assert text.count("<script") == 2
    assert "<img" not in text
    json.loads(text.split('id="charts">')[1].split("</script>")[0])


def test_the_order_of_runs_changes_only_letters() -> None:
    """A page of the same runs in another order has the same values under other letters."""
    runs = SETS["three"]()
    _, rows = table_of(page_of(runs), "Runs")
    _, turned = table_of(page_of(reorder(runs, (2, 1, 0))), "Runs")
    assert [row[1:] for row in turned] == [row[1:] for row in reversed(rows)]
