"""Select the runs of a baseline that are comparable with a run."""

from collections.abc import Hashable, Sequence
from typing import Protocol

from bench.core.calibration.machine_speed import MeasuredRun, compare_speed
from bench.core.run.origin import RECORDED_ONLY, Fingerprint
from bench.core.run.result import RunResult, differences
from bench.core.run.safe_load import compared_load
from bench.core.verdict.baseline import Baseline, BaselineRun, fewest_runs

_DIGESTS = {
    "stack_digest": "the declaration of the stack changed",
    "work_digest": "another load, other messages or another target, for example by --vus",
}
"""Meaning of the digests in a fingerprint."""

ConditionsKey = tuple[Hashable, ...]
_COMPARED_FIELDS = tuple(sorted(Fingerprint.model_fields.keys() - RECORDED_ONLY - {"parts"}))


class ConditionedRun(MeasuredRun, Protocol):
    """A run with its conditions: a result, or a run of a baseline or of a history."""

    @property
    def fingerprint(self) -> Fingerprint:
        """Conditions of the run."""


def comparable_levels(result: RunResult, baseline: Baseline) -> list[list[BaselineRun]]:
    """Return the comparable runs of each level of a baseline, without outliers; the newest level is last.

    Older levels without such a run are left out. The newest level stays, because only it is the present
    state of the stack.
    """
    levels: list[list[BaselineRun]] = []
    for level in baseline.levels:
        same = same_conditions(result, level.counted)
        answered = [run for run in same if run.ok + run.failed > 0]
        if answered or level is baseline.newest:
            levels.append(answered)
    return levels


def same_conditions(result: RunResult, runs: Sequence[BaselineRun]) -> list[BaselineRun]:
    """Return the runs with the conditions of the result, on machines whose speeds can be compared."""
    return [run for run in runs if not condition_differences(result, run)]


def condition_differences(run: ConditionedRun, other: ConditionedRun) -> tuple[str, ...]:
    """Return why a run cannot be compared with another one; empty if it can.

    The same reference workload must measure the difference between their machines. If the run has none, the
    other one needs the same processor model. A stack that simulates time needs neither.
    """
    different = differences(run.fingerprint, other.fingerprint)
    if run.fingerprint.simulated and other.fingerprint.simulated:
        return different
    if run.reference_workload is not None:
        if compare_speed([run], [other]) is not None:
            return different
        return (*different, "the reference workload: it has none, or that of another version of bench")
    processor = run.fingerprint.cpu_model
    if other.fingerprint.cpu_model == processor:
        return different
    model = f"cpu_model: {other.fingerprint.cpu_model} → {processor}"
    return (*different, f"{model}, and the run has no reference workload")


def conditions_key(run: ConditionedRun) -> ConditionsKey:
    """Return the conditions of a run: runs with equal keys have the same differences from any other run."""
    fingerprint = run.fingerprint
    workload = run.reference_workload
    return (
        *(getattr(fingerprint, field) for field in _COMPARED_FIELDS),
        frozenset(fingerprint.parts.items()),
        fingerprint.cpu_model,
        None if workload is None else (workload.version, workload.pieces),
    )


def explain_not_comparable(result: RunResult, baseline: Baseline | None) -> str | None:
    """Return why a run cannot be compared with a baseline, in one sentence; `None` if it can."""
    unanswered = _explain_unanswered(result)
    if unanswered is not None:
        return unanswered
    if baseline is None or not baseline.runs:
        return "there is no baseline for this scenario and environment yet"
    if baseline.scenario != result.scenario.name:
        return f"the baseline is of scenario '{baseline.scenario}'"
    levels = comparable_levels(result, baseline)
    count = sum(map(len, levels))
    needed = fewest_runs(is_search=result.capacity is not None)
    if count >= needed and levels[-1]:
        return None
    if count >= needed:
        return f"no run of the newest level '{baseline.newest.reason}' is comparable"
    newest = condition_differences(result, baseline.runs[-1])
    newest_differs = f"; the newest differs in {', '.join(map(_explain, newest))}" if newest else ""
    total = len(baseline.runs)
    return f"{count} of the baseline's {total} runs are comparable, {needed} are needed{newest_differs}"


def _explain_unanswered(result: RunResult) -> str | None:
    """Return why a run has no value to compare; None if it has one."""
    if result.stop is not None:
        return f"the run ended early and was not compared: {result.stop.reason}"
    if result.capacity is not None and compared_load(result) is None:
        return "the search ended before it had an answer; use a larger --budget"
    return None


def _explain(difference: str) -> str:
    """Add the meaning of a digest to a difference such as `work_digest: aaa → bbb`."""
    meaning = _DIGESTS.get(difference.partition(":")[0])
    return difference if meaning is None else f"{difference} ({meaning})"
