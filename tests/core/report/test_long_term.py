"""Curves of all comparable runs of a history."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.history.history_columns import make_columns
from bench.core.history.levels import MAX_TREND_RUNS
from bench.core.history.trend import select_comparable
from bench.core.report.long_term import (
    MOST_GROUPS,
    LongTermCurve,
    group_medians,
    group_starts,
    long_term_curves,
)
from bench.core.verdict.success import SUCCESS
from tests.factories import make_fingerprint, make_history, make_point

OTHER = make_fingerprint(stack_digest="d" * 64)


def curves_of(factors: list[float], unlike: int = 0) -> dict[str, LongTermCurve]:
    """Return the curves of a history whose oldest runs are not comparable."""
    points = [make_point(number - unlike, 9.0, fingerprint=OTHER) for number in range(unlike)]
    points += make_history(factors)
    columns = make_columns(points)
    order = np.arange(columns.count)
    return {curve.key: curve for curve in long_term_curves(columns, order, select_comparable(points))}


@given(st.integers(1, 500), st.integers(1, 50))
def test_groups_divide_all_values(count: int, most: int) -> None:
    """Groups are few, not empty, and of nearly equal size; each value is in one."""
    starts = group_starts(count, most).tolist()
    sizes = np.diff([*starts, count])
    assert starts[0] == 0
    assert len(starts) == min(most, count)
    assert sizes.sum() == count
    assert sizes.max() - sizes.min() <= 1


@given(st.lists(st.sampled_from([1.0, 2.5, 7.0, float("nan")]), min_size=1, max_size=30), st.integers(1, 9))
def test_a_group_has_the_median_of_its_values(numbers: list[float], most: int) -> None:
    """NaN is no value; a group without another one has none."""
    values = np.array(numbers)
    starts = group_starts(len(values), most)
    for group, median in zip(np.split(values, starts[1:]), group_medians(values, starts), strict=True):
        measured = group[~np.isnan(group)]
        expected = np.median(measured) if len(measured) else np.nan
        assert median == pytest.approx(expected, nan_ok=True)


def test_a_curve_is_short_and_keeps_every_extreme() -> None:
    """However long a history is, its curve has few groups, and the highest run stays visible."""
    factors = [1.0] * (3 * MOST_GROUPS)
    factors[77] = 5.0
    curve = curves_of(factors)["e2e_ms"]
    assert len(curve.at_s) == len(curve.middle) == MOST_GROUPS
    assert list(curve.at_s) == sorted(set(curve.at_s))
    assert max(curve.highest) == pytest.approx(2500.0, rel=0.15)
    assert max(curve.middle) < 700.0
    assert curve.runs == len(factors)


def test_only_deciding_metrics_of_comparable_runs_have_a_curve() -> None:
    """Runs of other conditions and tiers are left out, and a short history has no curve."""
    curves = curves_of([1.0] * (MAX_TREND_RUNS + 1), unlike=10)
    assert set(curves) == {SUCCESS, "e2e_ms"}
    assert curves["e2e_ms"].runs == MAX_TREND_RUNS + 1
    assert curves_of([1.0] * MAX_TREND_RUNS, unlike=10) == {}
