"""Select the runs of a baseline that are comparable with a run."""

from collections.abc import Sequence

from bench.core.calibration.machine_speed import compare_speed
from bench.core.run.result import RunResult, differences
from bench.core.verdict.baseline import MIN_RUNS, Baseline, BaselineRun

_DIGESTS = {
    "stack_digest": "the declaration of the stack changed",
    "work_digest": "another load, other messages or another target, for example by --vus",
}
"""Meaning of the digests in a fingerprint."""


def comparable_runs(result: RunResult, baseline: Baseline) -> tuple[BaselineRun, ...]:
    """Return the runs of a baseline that are comparable with a run and have requests, oldest first."""
    same = same_conditions(result, baseline.runs)
    return tuple(run for run in same if run.ok + run.failed > 0)


def same_conditions(result: RunResult, runs: Sequence[BaselineRun]) -> list[BaselineRun]:
    """Return the runs with the fingerprint of the result.

    The processor model may differ if both runs have the same reference workload, which measures the
    difference.
    """
    return [run for run in runs if not _differences(result, run)]


def explain_not_comparable(result: RunResult, baseline: Baseline | None) -> str | None:
    """Return why a run cannot be compared with a baseline, in one sentence; `None` if it can."""
    if result.stop is not None:
        return f"the run ended early and was not compared: {result.stop.reason}"
    if baseline is None or not baseline.runs:
        return "there is no baseline for this scenario and environment yet"
    if baseline.scenario != result.scenario.name:
        return f"the baseline is of scenario '{baseline.scenario}'"
    count = len(comparable_runs(result, baseline))
    if count >= MIN_RUNS:
        return None
    newest = differences(result.fingerprint, baseline.runs[-1].fingerprint)
    newest_differs = f"; the newest differs in {', '.join(map(_explain, newest))}" if newest else ""
    total = len(baseline.runs)
    return f"{count} of the baseline's {total} runs are comparable, {MIN_RUNS} are needed{newest_differs}"


def _explain(difference: str) -> str:
    """Add the meaning of a digest to a difference such as `work_digest: aaa → bbb`."""
    meaning = _DIGESTS.get(difference.partition(":")[0])
    return difference if meaning is None else f"{difference} ({meaning})"


def _differences(result: RunResult, run: BaselineRun) -> tuple[str, ...]:
    speed = compare_speed([result], [run])
    return differences(result.fingerprint, run.fingerprint, any_processor=speed is not None)
