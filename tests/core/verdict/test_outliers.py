"""The outliers of a level."""

import pytest

from bench.core.verdict.outliers import mark_outliers
from tests.factories import MACHINES, machines_baseline, make_baseline

USUAL = [1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.01]


def test_a_run_that_is_much_slower_is_marked() -> None:
    """The mark names the metric and its distance from the level."""
    runs = make_baseline([*USUAL, 1.4]).runs
    marks = mark_outliers(runs)
    assert list(marks) == [runs[-1].run_id]
    assert "compared with its level" in marks[runs[-1].run_id]


@pytest.mark.parametrize("factors", [USUAL, [1.0, 1.0, 1.0, 1.4]])
def test_usual_runs_and_few_runs_have_no_mark(factors: list[float]) -> None:
    """Four runs do not show what is usual."""
    assert mark_outliers(make_baseline(factors).runs) == {}


def test_the_machine_makes_no_outlier() -> None:
    """A run on a slow machine is usual if its reference workload is as slow."""
    assert mark_outliers(machines_baseline((*MACHINES, 1.4)).runs) == {}
