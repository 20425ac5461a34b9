"""Whether a run may join its baseline: what is worse, or nobody else can have, only when that is said."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bench.core.run.result import RunResult
from bench.core.samples.metrics import metric, sentence_name, tier_name
from bench.core.values import wording
from bench.core.verdict.baseline import Baseline, accept, place_of
from bench.core.verdict.compare import Comparison, compare
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
    """Refuse a run that would loosen its baseline, or of which nobody can say what it measured.

    Args:
        baseline: What there is; None for the first run.
        result: The run.
        noise: What is known of runs of the same, so that it is judged as `bench check` judges it.
        allow_dirty: Accept a run of uncommitted changes.
        allow_regression: Accept a run that is worse, in a tier or as a whole, or lacks what the baseline has.

    Raises:
        ConfigError: It must not join; the hint says how it may.
    """
    run_id = result.provenance.run_id
    if baseline is not None and any(run.run_id == run_id for run in baseline.runs):
        return
    if result.provenance.dirty and not allow_dirty:
        raise ConfigError(
            f"run {run_id} measured changes that are not committed",
            "commit them and measure again, or --allow-dirty",
        )
    sizes = _worse(compare(result, baseline, noise=noise))
    if sizes and not allow_regression:
        raise ConfigError(
            f"run {run_id} is worse than its baseline: {wording.listing(sizes)}",
            "--allow-regression, if that is meant",
        )


def accept_all(
    before: Mapping[str, Baseline], results: Sequence[RunResult], *, reason: str, by: str, at: datetime
) -> dict[str, Baseline]:
    """Baselines with runs more, worse ones too: somebody who may has said that they are meant.

    Args:
        before: Baselines by what they are of (`place_of`), where there are any.
        results: The runs, in any order.
        reason: Why.
        by: Who accepts them.
        at: When.

    Returns:
        Those that changed, by what they are of.

    Raises:
        ConfigError: A run must not join, or is older than all kept ones.
        MeasurementError: A run is invalid, broken off, or without any success.
    """
    after = dict(before)
    for each in sorted(results, key=lambda result: result.provenance.started_at):
        place = place_of(each)
        known = after.get(place)
        check_acceptable(known, each, allow_dirty=False, allow_regression=True)
        after[place] = accept(known, each, reason=reason, by=by, at=at)
    return {place: each for place, each in after.items() if each != before.get(place)}


def _worse(comparison: Comparison) -> list[str]:
    """What is worse, and by how much: what decides first, what vanished last."""
    regressed = [each for part in ALPHAS for each in comparison.regressed(part)]
    return [*map(_size, regressed), *(f"{sentence_name(key)} is missing" for key in comparison.vanished)]


def _size(each: MetricComparison) -> str:
    tier = tier_name(each.key)
    if tier is not None:
        return f"the tier {tier} {wording.change_ms(each.change)}"
    size = each.change if each.change_ratio is None else each.change_ratio
    return f"{metric(each.key).label} {wording.change(size)}"
