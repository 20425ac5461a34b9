"""Whether a run may join its baseline: what is worse, or nobody else can have, only when that is said."""

from bench.core import wording
from bench.core.baseline import Baseline
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


def _size(ratio: float | None, change: float | None) -> str:
    return wording.change(change if ratio is None else ratio)
