"""Describe the effect of accepted runs on a baseline, before the baseline changes."""

from collections.abc import Iterator
from statistics import median

from bench.core.run.messages import refusals_of
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric, sentence_name
from bench.core.values import stats, wording
from bench.core.verdict.acceptance import AcceptedBaseline
from bench.core.verdict.baseline import Baseline, BaselineRun, Level, fewest_runs
from bench.core.verdict.success import SUCCESS


def describe_effect(accepted: AcceptedBaseline) -> Iterator[str]:
    """Yield the effect on the next runs, one line for the baseline and one for each metric that changes.

    A new level has a line for each metric that differs from the newest level by more than the tolerance. An
    extended level has a line for each deciding metric that changes.
    """
    after = accepted.after
    if after is not None:
        yield _describe_baseline(accepted, after)
        if accepted.changed:
            yield from _describe_metrics(accepted, after)
            yield from _describe_messages(accepted)
            change = after.newest.accepted_change
            if change is not None:
                yield f"  accepted until the merge: {change.sentence}, compared with the base"
    for sentence in accepted.left_out:
        yield f"  left out: {sentence}"


def level_value(level: Level, key: str) -> float | None:
    """Return the value of a metric at a level: the median of its runs, in the metric's unit.

    Outliers do not count, unless the level has no other run.
    """
    values: list[float] = []
    for run in level.counted or level.runs:
        value = run_value(run, key)
        if value is not None:
            values.append(value)
    return median(values) if values else None


def level_values(level: Level) -> dict[str, float | None]:
    """Return the value of each metric at a level, by its key, in alphabetical order."""
    keys = set[str]().union(*(run.figures.keys() | run.costs.keys() for run in level.runs))
    return {key: level_value(level, key) for key in sorted(keys)}


def run_value(run: BaselineRun, key: str) -> float | None:
    """Return the typical value of a metric in a run, as reports show it; None if the run does not have it.

    Each message counts as often as it was sent, and messages that must be refused do not count.
    """
    if key == SUCCESS:
        return run.ok / (run.ok + run.failed) if run.ok else None
    figures = run.figures.get(key) or run.costs.get(key)
    if not figures:
        return None
    refusals = refusals_of(run.messages)
    names = [name for name in figures if name not in refusals] or list(figures)
    weights = [max(1, run.messages[name].requests) if name in run.messages else 1 for name in names]
    return stats.typical([figures[name] for name in names], metric(key).resolution, weights)


def _describe_baseline(accepted: AcceptedBaseline, after: Baseline) -> str:
    name = f"{after.scenario} ({after.stack}, {after.environment})"
    level = after.newest
    runs = wording.counted(len(level.runs), "run")
    if not accepted.changed:
        return f"{name}: no change"
    if accepted.before is None:
        return f"{name}: first level, {runs}"
    if accepted.replaced is not None:
        return f"{name}: new level after '{accepted.replaced.reason}', {runs}"
    return f"{name}: the level '{level.reason}' has {runs} now"


def _describe_metrics(accepted: AcceptedBaseline, after: Baseline) -> Iterator[str]:
    is_search = after.newest.runs[-1].interval is not None
    keys = [*level_values(after.newest)] if is_search else [SUCCESS, *level_values(after.newest)]
    deciding = [key for key in keys if metric(key).part is Part.DECIDES]
    has_reason = accepted.replaced is not None and (accepted.moved or accepted.moved_messages)
    keys = list(accepted.moved) if has_reason else deciding
    old = accepted.before.newest if accepted.before else None
    for key in keys:
        after_value = level_value(after.newest, key)
        before_value = level_value(old, key) if old else None
        if _write(key, before_value) == _write(key, after_value):
            continue
        change = _describe_change(key, before_value, after_value)
        if accepted.replaced is not None:
            yield f"  {sentence_name(key)}: new level {change}, {_describe_runs(after.newest)}"
        else:
            yield f"  {sentence_name(key)}: {change}"


def _describe_messages(accepted: AcceptedBaseline) -> Iterator[str]:
    if accepted.replaced is not None:
        for row in accepted.moved_messages:
            change = _describe_change(row.key, row.base, row.head)
            yield f"  {sentence_name(row.key)} of {row.kind} '{row.name}': new level {change}"


def _describe_change(key: str, before: float | None, after: float | None) -> str:
    """Write a change as `609 → 731 ms`, with both units only if they differ."""
    new = _write(key, after)
    if before is None:
        return new
    old = _write(key, before)
    number, _, old_unit = old.partition(" ")
    return f"{number} → {new}" if new.endswith(f" {old_unit}") else f"{old} → {new}"


def _write(key: str, value: float | None) -> str:
    return wording.with_unit(value, metric(key).unit)


def _describe_runs(level: Level) -> str:
    count = len(level.counted)
    runs = wording.counted(count, "run")
    needed = fewest_runs(is_search=level.runs[-1].interval is not None)
    return runs if count >= needed else f"{runs}; {needed} are needed for drift"
