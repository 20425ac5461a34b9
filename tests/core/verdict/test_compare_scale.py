"""Laws of scale: a common factor of all times is the machine, or another unit, and not the version."""

import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.samples.metric import Part
from bench.core.verdict.compare import Decision, compare
from bench.core.verdict.verdict import MetricComparison, Verdict
from tests.core.figures import judged
from tests.factories import MACHINES, machines_baseline, run_on_machine

BASELINE = machines_baseline(tier_times={"auth": 1.0})
LONG = st.floats(5_000.0, 50_000.0)


@settings(max_examples=30)
@given(st.floats(0.6, 1.7))
def test_a_slower_machine_is_only_an_environment_shift(workload_factor: float) -> None:
    """A run and its workload that take a multiple of the time neither regress nor improve."""
    comparison = compare(
        run_on_machine(workload_factor, workload_factor, 50, tier_times={"auth": 1.0}), BASELINE
    )
    deciding = [row for row in comparison.metrics if row.part in {Part.DECIDES, Part.TAILS}]
    assert not {row.verdict for row in deciding} & {Verdict.WORSE, Verdict.BETTER}
    assert comparison.decision is not Decision.FAIL
    assert comparison.machine is not None
    usual = math.exp(statistics.median(map(math.log, MACHINES)))
    assert comparison.machine.slower_ratio == pytest.approx(workload_factor / usual - 1.0)
    if not 0.7 < workload_factor < 1.3:
        assert comparison.machine.environment_shift


@settings(max_examples=60)
@given(
    LONG, st.lists(st.floats(0.8, 1.2), min_size=5, max_size=12), st.floats(0.6, 1.8), st.floats(1.0, 30.0)
)
def test_a_common_factor_changes_no_verdict(
    usual_ms: float, factors: list[float], change: float, scale: float
) -> None:
    """Far above the smallest change that matters, a run and its baseline in another unit compare alike."""

    def compare_with(unit: float) -> MetricComparison:
        base = [{"e2e_ms": {"a": usual_ms * row * unit}} for row in factors]
        return judged({"e2e_ms": {"a": usual_ms * change * unit}}, base)["e2e_ms"]

    one, other = compare_with(1.0), compare_with(scale)
    for key in ("change_ratio", "p_value", "detectable_ratio", "low_ratio", "high_ratio"):
        assert getattr(other, key) == pytest.approx(getattr(one, key), rel=0.03, abs=0.003)
