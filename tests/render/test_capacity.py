"""What people see of the answer of a capacity search."""

from collections.abc import Callable

import pytest

from bench.core.capacity.load_trial import TrialVerdict
from bench.render.document.capacity import trial_table
from bench.render.document.format import Terminal
from bench.render.results import results_text
from tests.render.capacities import capacities, make_trial, make_trials, narrow, run_with


@pytest.mark.parametrize("name", capacities())
def test_answers_look_as_they_were_approved(name: str, golden: Callable[[str, str], None]) -> None:
    """The text for 80 columns equals the approved file, fits the terminal, and begins with the answer."""
    text = results_text(run_with(capacities()[name]), Terminal(80))
    golden(f"capacity-{name}.txt", text)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 25
    assert "safe load" in lines[0]


def test_bars_reach_the_mark_where_the_objective_breaks() -> None:
    """A bar that ends at the mark stands for the limit, and one beyond twice the limit ends in an arrow."""
    capacity = narrow().model_copy(update={"trials": make_trials(1, 18, 20, 60)})
    drawing = trial_table(capacity).drawing
    assert drawing is not None
    assert list(drawing.cells) == ["██····│······", "██████│······", "██████│█·····", "██████│█████▶"]


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
    assert table.rows == (("4", "–", "–", "–", "0.44", "28 s", "cannot tell"),)  # noqa: RUF001 - dashes
    assert table.drawing is not None
    assert table.drawing.cells == ("······│······",)
