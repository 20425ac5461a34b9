"""Check whether a run may join a baseline. Regressions and uncommitted changes need an explicit flag."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bench.core.run.result import RunResult
from bench.core.samples.metrics import metric, sentence_name, tier_name
from bench.core.values import wording
from bench.core.verdict.baseline import Baseline, baseline_path
from bench.core.verdict.compare import Comparison, compare
from bench.core.verdict.levels import accept
from bench.core.verdict.noise import Noise
from bench.core.verdict.verdict import ALPHAS, MetricComparison
from bench.errors import ConfigError


def check_acceptable(
    baseline: Baseline | None,
    result: RunResult,
    noise: Noise | None = None,
    *,
    allow_dirty: bool,
    allow_regression: bool,
) -> None:
    """Refuse a run that is worse than its baseline, or that measured uncommitted changes.

    Args:
        baseline: The baseline, if there is one.
        result: The run.
        noise: Measured noise of the scenario, as in `bench check`.
        allow_dirty: Accept a run of uncommitted changes.
        allow_regression: Accept a run with a regression, also of a tier, or with a missing metric.

    Raises:
        ConfigError: The run must not be added; the hint names the flag that allows it.
    """
    run_id = result.provenance.run_id
    if baseline is not None and baseline.has(run_id):
        return
    if result.provenance.dirty and not allow_dirty:
        raise ConfigError(
            f"run {run_id} measured uncommitted changes",
            "commit them and measure again, or use --allow-dirty",
        )
    regressions = _describe_regressions(compare(result, baseline, noise=noise))
    if regressions and not allow_regression:
        raise ConfigError(
            f"run {run_id} is worse than its baseline: {wording.listing(regressions)}",
            "use --allow-regression if you intend this change",
        )


def accept_all(
    before: Mapping[str, Baseline], results: Sequence[RunResult], *, reason: str, by: str, at: datetime
) -> dict[str, Baseline]:
    """Add runs to their baselines, also runs with a regression: a person with permission asked for it.

    Args:
        before: Existing baselines by `baseline_path`.
        results: The runs, in any order.
        reason: Why the runs are accepted.
        by: Who accepts them.
        at: When they are accepted.

    Returns:
        The changed baselines by `baseline_path`.

    Raises:
        ConfigError: A run must not be added, or is older than all runs that the baseline keeps.
        MeasurementError: A run is invalid, was interrupted, or has no successful request.
    """
    after = dict(before)
    for result in sorted(results, key=lambda result: result.provenance.started_at):
        path = baseline_path(result)
        baseline = after.get(path)
        check_acceptable(baseline, result, allow_dirty=False, allow_regression=True)
        after[path] = accept(baseline, result, reason=reason, by=by, at=at)
    return {path: baseline for path, baseline in after.items() if baseline != before.get(path)}


def _describe_regressions(comparison: Comparison) -> list[str]:
    """Return a text for each regression, deciding metrics first, then for each missing metric."""
    texts: list[str] = []
    for part in ALPHAS:
        texts += map(_describe, comparison.regressed(part))
    for key in comparison.vanished:
        texts.append(f"{sentence_name(key)} is missing")
    return texts


def _describe(regression: MetricComparison) -> str:
    tier = tier_name(regression.key)
    if tier is not None:
        return f"the tier {tier} {wording.change_ms(regression.change)}"
    size = regression.change if regression.change_ratio is None else regression.change_ratio
    return f"{metric(regression.key).label} {wording.change(size)}"
