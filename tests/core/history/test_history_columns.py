"""Columns of a history, and the selection of comparable runs by them."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.history.history import HistoryPoint
from bench.core.history.history_columns import RunColumns, join_columns, make_columns
from bench.core.history.trend import correct_machines, select_comparable, select_newest
from bench.core.verdict.comparable import condition_differences, conditions_key
from tests.factories import make_fingerprint, make_point, make_reference_workload

REAL = make_fingerprint(simulated=False)
KINDS: list[dict[str, Any]] = [
    {"fingerprint": make_fingerprint()},
    {"fingerprint": make_fingerprint(cpu_count=64, cpu_model="other")},
    {"fingerprint": make_fingerprint(stack_digest="d" * 64)},
    {"fingerprint": REAL},
    {"fingerprint": REAL, "reference_workload": make_reference_workload(1.0)},
    {"fingerprint": make_fingerprint(simulated=False, cpu_model="other")},
    {"fingerprint": make_fingerprint(simulated=False, parts={"redis": "sha256:1"})},
    {"fingerprint": make_fingerprint(model="large"), "figures": {"e2e_ms": 1.5}},
]
HISTORIES = st.lists(st.integers(0, len(KINDS) - 1), min_size=1, max_size=12)


def runs_of(kinds: list[int]) -> list[HistoryPoint]:
    """Return a run of each kind, a day apart."""
    return [make_point(number, **KINDS[kind]) for number, kind in enumerate(kinds)]


def as_text(columns: RunColumns) -> str:
    """Return columns as text that can be compared; NaN equals NaN."""
    return repr((columns.run_ids, columns.commits, columns.started_us, columns.ok, columns.failed,
                 columns.figures, columns.conditions, columns.examples))  # fmt: skip


@settings(max_examples=40)
@given(HISTORIES, st.data())
def test_joined_columns_are_those_of_all_runs(kinds: list[int], data: st.DataObject) -> None:
    """Runs that are added later have the same effect as if they had been there from the start."""
    points = runs_of(kinds)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(points)), max_size=3)))
    parts = [points[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(points)], strict=True)]
    joined = join_columns([make_columns(part) for part in parts if part])
    assert as_text(joined) == as_text(make_columns(points))


@settings(max_examples=40)
@given(HISTORIES)
def test_runs_are_selected_by_their_conditions(kinds: list[int]) -> None:
    """The selected runs are those without a difference from the newest run, compared one by one."""
    points = runs_of(kinds)
    comparable = [point for point in points if not condition_differences(points[-1], point)]
    unlike = [point for point in points if point not in comparable]
    history = select_comparable(points)
    assert history.runs == comparable
    assert history.selection.unlike == len(unlike)
    expected = condition_differences(points[-1], unlike[-1]) if unlike else ()
    assert history.selection.unlike_for == expected


def test_equal_conditions_have_equal_differences() -> None:
    """A run represents all runs with its conditions, whatever its other values are."""
    points = runs_of(list(range(len(KINDS))))
    others = [point.model_copy(update={"run_id": f"other-{point.run_id}", "ok": 7}) for point in points]
    for point, other in zip(points, others, strict=True):
        assert conditions_key(point) == conditions_key(other)
        for third in points:
            assert condition_differences(third, point) == condition_differences(third, other)


def test_a_selection_by_columns_is_that_of_the_runs() -> None:
    """Only the selected runs have to be read, in whatever order the lines are."""
    points = runs_of([0, 2, 1, 0, 2, 0, 1])
    shuffled = [points[place] for place in (3, 0, 6, 5, 1, 2, 4)]
    columns = make_columns(shuffled)
    order = columns.in_order()
    selection = select_newest(columns.conditions[order].tolist(), columns.examples)
    runs = [shuffled[order[place]] for place in selection.places]
    selected = correct_machines(selection, runs)
    expected = select_comparable(points)
    assert (selected.runs, selected.series) == (expected.runs, expected.series)
    assert replace(selected.selection, comparable=()) == replace(expected.selection, comparable=())
