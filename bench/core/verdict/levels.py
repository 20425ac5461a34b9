"""Change a baseline: add runs to its newest level, start a level, pin and prune runs."""

from collections.abc import Sequence
from datetime import datetime

from bench.core.run.result import RunResult, check_usable, environment
from bench.core.run.safe_load import compared_load
from bench.core.verdict.accepted_change import AcceptedChange
from bench.core.verdict.baseline import (
    Baseline,
    BaselineRun,
    Level,
    PinnedBaseline,
    fewest_runs,
    to_baseline_run,
)
from bench.core.verdict.outliers import mark_outliers
from bench.errors import ConfigError, MeasurementError

MAX_RUNS = 20  # number of runs in all levels; older runs say little about the present version
MAX_LEVELS = 5  # number of levels whose reasons stay in the file, each with one run or more


def accept(baseline: Baseline | None, result: RunResult, *, reason: str, by: str, at: datetime) -> Baseline:
    """Return the baseline with one more run in its newest level. A run that it already has is ignored.

    Args:
        baseline: The baseline, if there is one; a new baseline has one level.
        result: The run to accept.
        reason: Why the run is accepted.
        by: Who accepts it.
        at: When it is accepted.

    Raises:
        ConfigError: The reason is empty, the run has injected faults, or it is older than a full level.
        MeasurementError: The run is invalid, was interrupted, or has no successful request.
    """
    if baseline is None:
        return start_level(None, result, reason=reason, by=by, at=at)
    run = _to_acceptable(result, reason, by, at)
    if baseline.has(run.run_id):
        return baseline
    newest = baseline.newest
    longest = MAX_RUNS - len(baseline.levels) + 1
    if _is_older(run, newest) and len(newest.runs) >= longest:
        raise ConfigError(
            f"run {run.run_id} is older than the {len(newest.runs)} runs of the newest level",
            "accept newer runs",
        )
    runs = sorted((*newest.runs, run), key=lambda accepted: accepted.started_at)
    extended = newest.model_copy(update={"runs": _mark_again(runs)})
    levels = limit_runs((*baseline.levels[:-1], extended), MAX_RUNS)
    return baseline.model_copy(update={"levels": levels})


def new_level(baseline: Baseline, before: Baseline | None) -> Level | None:
    """Return the newest level of a baseline if an earlier state of it does not have this level."""
    newest = baseline.newest
    levels = before.levels if before else ()
    starts = [(level.accepted_at, level.reason) for level in levels]
    return None if (newest.accepted_at, newest.reason) in starts else newest


def start_level(
    baseline: Baseline | None, result: RunResult, *, reason: str, by: str, at: datetime
) -> Baseline:
    """Return the baseline with a new level that has one run. A run that it already has is ignored.

    Args:
        baseline: The baseline, if there is one.
        result: The first run of the level.
        reason: Why the level changes.
        by: Who accepts it.
        at: When it is accepted.

    Raises:
        ConfigError: The reason is empty, the run has injected faults, or it is older than the newest level.
        MeasurementError: The run is invalid, was interrupted, or has no successful request.
    """
    run = _to_acceptable(result, reason, by, at)
    if baseline is not None and baseline.has(run.run_id):
        return baseline
    levels = baseline.levels if baseline else ()
    if levels and _is_older(run, levels[-1]):
        raise ConfigError(
            f"run {run.run_id} is older than the newest level '{levels[-1].reason}'", "accept a newer run"
        )
    started = Level(reason=run.reason, accepted_by=by, accepted_at=at, runs=(run,))
    return Baseline(
        scenario=result.scenario.name,
        stack=result.fingerprint.stack,
        environment=environment(result.fingerprint),
        levels=limit_runs((*levels, started), MAX_RUNS),
        pinned=baseline.pinned if baseline else None,
    )


def add_change(baseline: Baseline, change: AcceptedChange) -> Baseline:
    """Return the baseline with the change that pairs of runs showed, in its newest level."""
    newest = baseline.newest.model_copy(update={"accepted_change": change})
    return baseline.model_copy(update={"levels": (*baseline.levels[:-1], newest)})


def _to_acceptable(result: RunResult, reason: str, by: str, at: datetime) -> BaselineRun:
    """Return a run as a baseline has it.

    Raises:
        ConfigError: The reason is empty, or the run has injected faults.
        MeasurementError: The run is invalid, was interrupted, or has no successful request.
    """
    if not reason.strip():
        raise ConfigError("the reason for accepting a run is missing", "--reason 'faster model'")
    check_usable(result)
    run_id = result.provenance.run_id
    if result.summary.ok == 0:
        raise MeasurementError(f"run {run_id} has no successful request to compare with", "measure again")
    if result.capacity is not None and compared_load(result) is None:
        raise MeasurementError(f"run {run_id} ended before its search had an answer", "use a larger --budget")
    return to_baseline_run(result, reason.strip(), by, at)


def _mark_again(runs: Sequence[BaselineRun]) -> tuple[BaselineRun, ...]:
    """Mark the outliers of a level, which follow from all of its runs."""
    outliers = mark_outliers(runs)
    return tuple(run.model_copy(update={"outlier": outliers.get(run.run_id)}) for run in runs)


def _is_older(run: BaselineRun, level: Level) -> bool:
    return run.started_at < level.runs[0].started_at


def limit_runs(levels: Sequence[Level], count: int) -> tuple[Level, ...]:
    """Return the newest levels with at most a number of runs, at least one of each level.

    The oldest runs are removed first. The last run of a level stays with the level's reason, as long as the
    level is one of the newest.
    """
    kept = list(levels[-min(MAX_LEVELS, count) :])
    surplus = sum(len(level.runs) for level in kept) - count
    for number, level in enumerate(kept):
        removed = min(max(surplus, 0), len(level.runs) - 1)
        kept[number] = level.model_copy(update={"runs": level.runs[removed:]})
        surplus -= removed
    return tuple(kept)


def pin(baseline: Baseline, *, reason: str, by: str, at: datetime) -> Baseline:
    """Return the baseline with the runs of its newest level pinned.

    Raises:
        ConfigError: The reason is empty, or the level has too few runs for a comparison.
    """
    if not reason.strip():
        raise ConfigError("the reason for pinning the baseline is missing", "--reason 'release 2.0'")
    runs = baseline.newest.counted
    needed = fewest_runs(is_search=baseline.newest.runs[-1].interval is not None)
    if len(runs) < needed:
        raise ConfigError(
            f"a pinned baseline needs {needed} runs, the newest level has {len(runs)}",
            "accept more runs first",
        )
    pinned = PinnedBaseline(runs=runs, pinned_at=at, pinned_by=by, reason=reason.strip())
    return baseline.model_copy(update={"pinned": pinned})


def prune(baseline: Baseline, keep: int) -> Baseline:
    """Return the baseline with its newest runs only; the pinned baseline stays.

    Each of the newest levels keeps at least one run, so that its reason stays.

    Raises:
        ConfigError: No run would remain.
    """
    if keep < 1:
        raise ConfigError("a baseline keeps at least one run", "delete its file to remove the baseline")
    return baseline.model_copy(update={"levels": limit_runs(baseline.levels, keep)})
