"""Laws of one estimated change, for all numbers: point, interval and verdict never contradict each other."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.verdict.change import ChangeEstimate, JudgedChange, Margin, compare_metric, judge_change
from bench.core.verdict.verdict import Verdict

LATENCY = "e2e_ms"
THROUGHPUT = "requests_rps"
PASSES = {Verdict.BETTER, Verdict.UNCHANGED, Verdict.WITHIN_TOLERANCE}
LEVELS = st.sampled_from([0.001, 0.01, 0.05])
MARGINS = st.builds(Margin, st.floats(0.01, 1.0), st.floats(0.0, 50.0))


@st.composite
def estimates(draw: st.DrawFn) -> ChangeEstimate:
    """Any change of a latency or of a throughput, on a machine whose effect is known or not."""
    log_change = draw(st.floats(-1.0, 1.0))
    is_known = draw(st.booleans())
    return ChangeEstimate(
        key=draw(st.sampled_from([LATENCY, THROUGHPUT])),
        base=draw(st.floats(1.0, 5000.0)),
        head=draw(st.floats(1.0, 5000.0)),
        log_change=log_change,
        standard_error=draw(st.floats(0.001, 0.3)),
        df=draw(st.integers(2, 40)),
        agreed=draw(st.floats(0.0, 1.0)) * log_change,
        lowest=None if is_known else log_change - draw(st.floats(0.0, 0.3)),
        highest=None if is_known else log_change + draw(st.floats(0.0, 0.3)),
    )


def rank(judged: JudgedChange) -> int:
    """0 passes, 1 cannot tell, 2 fails."""
    return 0 if judged.verdict in PASSES else 2 if judged.verdict is Verdict.WORSE else 1


def slow_down(estimate: ChangeEstimate, by: float) -> ChangeEstimate:
    """Every run of the head is slower by this logarithm."""
    return replace(
        estimate,
        log_change=estimate.log_change + by,
        agreed=estimate.agreed + by,
        lowest=None if estimate.lowest is None else estimate.lowest + by,
        highest=None if estimate.highest is None else estimate.highest + by,
    )


@settings(max_examples=500)
@given(estimates(), LEVELS, MARGINS)
def test_the_verdict_agrees_with_the_interval_and_the_point(
    estimate: ChangeEstimate, alpha: float, margin: Margin
) -> None:
    """A row that fails is above the margin, and its interval is above 0; a row that passes is not."""
    judged = judge_change(estimate, alpha, margin)
    assert judged.change_ratio is not None
    assert judged.low_ratio is not None
    assert judged.high_ratio is not None
    assert judged.margin_ratio is not None
    worse = 1.0 if estimate.key == LATENCY else -1.0
    nearest = (
        judged.low_ratio if worse > 0 else -judged.high_ratio
    )  # the end of the interval on the good side
    farthest = judged.high_ratio if worse > 0 else -judged.low_ratio
    assert judged.low_ratio <= judged.change_ratio <= judged.high_ratio
    if judged.verdict is Verdict.WORSE:
        assert nearest > 0
        assert worse * judged.change_ratio > judged.margin_ratio * (1 - 1e-9)
    if judged.verdict is Verdict.BETTER:
        assert farthest < 0
    if judged.verdict is Verdict.UNCHANGED:
        assert nearest <= 0 <= farthest
    if judged.verdict is Verdict.WITHIN_TOLERANCE:
        assert nearest > 0
    if judged.verdict in PASSES:
        assert worse * judged.change_ratio <= judged.margin_ratio * (1 + 1e-9)


@settings(max_examples=500)
@given(estimates(), LEVELS, MARGINS, st.floats(0.0, 2.0))
def test_a_slower_head_never_gets_a_better_verdict(
    estimate: ChangeEstimate, alpha: float, margin: Margin, slower_by: float
) -> None:
    """The verdict never becomes better if all runs of the head take longer."""
    slower = judge_change(slow_down(estimate, slower_by), alpha, margin)
    assert rank(slower) >= rank(judge_change(estimate, alpha, margin))


@settings(max_examples=300)
@given(estimates(), LEVELS, MARGINS)
def test_an_unknown_effect_of_the_machine_decides_nothing(
    estimate: ChangeEstimate, alpha: float, margin: Margin
) -> None:
    """A verdict that fails or passes holds for every change that the machine allows."""
    judged = judge_change(estimate, alpha, margin)
    for possible in (estimate.lowest_change, estimate.highest_change):
        known = replace(estimate, log_change=possible, lowest=None, highest=None)
        if rank(judged) != 1:
            certain = replace(known, agreed=max(known.agreed, possible))
            assert rank(judge_change(certain, alpha, margin)) == rank(judged)


def make_estimate(key: str, base: float, log_change: float, agreed: float) -> ChangeEstimate:
    """A change for the worse that was measured precisely."""
    return ChangeEstimate(
        key=key, base=base, head=base, log_change=log_change, standard_error=0.01, df=10, agreed=agreed
    )


def test_an_absolute_margin_and_a_ratio_are_one_margin() -> None:
    """600 ms that become 700 ms matter, unless 200 ms are declared as tolerated."""
    estimate = make_estimate(LATENCY, 600.0, 0.154, 0.154)
    assert judge_change(estimate, 0.01, Margin(0.05, 10.0)).verdict is Verdict.WORSE
    tolerant = judge_change(estimate, 0.01, Margin(0.05, 200.0))
    assert tolerant.verdict is Verdict.WITHIN_TOLERANCE
    assert tolerant.margin_ratio is not None
    assert round(tolerant.margin_ratio, 3) == 0.333


def test_runs_that_do_not_agree_are_not_worse() -> None:
    """A significant mean is not enough if the single runs differ."""
    judged = judge_change(make_estimate(LATENCY, 600.0, 0.15, 0.01), 0.01, Margin(0.10))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert (judged.doubt or "").startswith("the single runs do not agree on +")


def test_a_lower_throughput_is_worse() -> None:
    """The same rule judges metrics of which higher values are better."""
    row = compare_metric(make_estimate(THROUGHPUT, 100.0, 0.223, 0.223), 0.01, Margin(0.10))
    assert row.verdict is Verdict.WORSE
    assert row.change_ratio is not None
    assert round(row.change_ratio, 2) == -0.20
