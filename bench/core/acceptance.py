"""Whether a run may join its baseline: what is worse, or nobody else can have, only when that is said."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bench.core import wording
from bench.core.baseline import Baseline, accept, place_of
from bench.core.compare import compare
from bench.core.metrics import Part, metric
from bench.core.result import RunResult
from bench.errors import ConfigError


def check_acceptable(
    baseline: Baseline | None, result: RunResult, *, allow_dirty: bool, allow_regression: bool
) -> None:
    """Refuse a run that would loosen its baseline, or of which nobody can say what it measured.

    Args:
        baseline: What there is; None for the first run.
        result: The run.
        allow_dirty: Accept a run of uncommitted changes.
        allow_regression: Accept a run that is worse.

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
    worse = compare(result, baseline).regressed(Part.DECIDES)
    if worse and not allow_regression:
        sizes = [f"{metric(each.key).label} {_size(each.change_ratio, each.change)}" for each in worse]
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


def _size(ratio: float | None, change: float | None) -> str:
    return wording.change(change if ratio is None else ratio)
