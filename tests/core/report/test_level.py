from bench.core.report.level import describe_level
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import Verdict
from tests.core.report.compared_rows import compared, comparison
from tests.factories import NOON

SAME = compared("e2e_ms", Verdict.UNCHANGED, 609.0, 0.012)


def test_the_level_and_the_drift_are_one_sentence() -> None:
    """It has the change since the newest level, and since the pinned baseline."""
    drift = compared("e2e_ms", Verdict.WITHIN_TOLERANCE, 500.0, 0.04)
    judged = comparison(Decision.PASS, SAME, level_at=NOON, against_pinned=(drift,), pinned_at=NOON)
    assert describe_level(judged) == (
        f"response time +1.2 % (no change) since the level of {NOON:%Y-%m-%d}, "
        f"+4.0 % (slower, within tolerance) since the pinned baseline of {NOON:%Y-%m-%d}"
    )
    undated = comparison(Decision.PASS, SAME, against_pinned=(drift,))
    assert "since the baseline, +4.0 % (slower, within tolerance) since the pinned" in str(
        describe_level(undated)
    )


def test_the_first_deciding_metric_stands_for_a_scenario_without_response_times() -> None:
    """Success is no level."""
    success = compared("success_ratio", Verdict.UNCHANGED, 1.0, 0.0)
    first_token = compared("ttft_ms", Verdict.BETTER, 120.0, -0.2)
    expected = "time to first token −20 % (faster) since the baseline"  # noqa: RUF001 - the minus
    assert describe_level(comparison(Decision.PASS, success, first_token)) == expected


def test_without_a_baseline_there_is_no_level() -> None:
    """A comparison of two versions, and one without metrics, have none."""
    assert describe_level(comparison(Decision.PASS)) is None
    assert describe_level(comparison(Decision.PASS, SAME, base_name="main")) is None
