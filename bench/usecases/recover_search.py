"""Join the stored trials of a capacity search whose process was killed."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.core.capacity.load_trial import LoadTrial, SearchEnd
from bench.core.capacity.search import CapacitySearcher
from bench.core.capacity.trial_length import PlannedTrial
from bench.core.capacity.trial_load import find_trial_phase, is_trial, load_of, unit_of
from bench.core.run.excluded_trials import ExcludedTrials
from bench.core.run.make_trial import RecordedTrial
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.run.run_start import RUNS, RunStart
from bench.core.run.search_result import MeasuredTrial, SearchPlan, join_search, plan_search
from bench.core.run.warm_up import drop_warm_up
from bench.core.samples.sample import Stop
from bench.store import results


def join_stored_trials(home: Path, start: RunStart, stop: Stop) -> tuple[RunResult, Recording] | None:
    """Return the trials of a search as one run; `None` without a trial.

    Args:
        home: Folder of the search.
        start: Its start.
        stop: Why it ended early.

    Raises:
        StoreError: A file of a trial cannot be read.
    """
    scenario = start.spec.scenario
    if scenario.capacity is None:
        return None
    unit = unit_of(find_trial_phase(scenario))
    plan = plan_search(start.spec, CapacitySearcher(scenario.capacity, unit))
    measured: list[MeasuredTrial] = []
    for recorded in _list_recorded(plan, home, measured):
        measured.append(plan.judge(recorded))
    return join_search(plan, start, measured, SearchEnd.INTERRUPTED, stop) if measured else None


def _list_recorded(plan: SearchPlan, home: Path, measured: list[MeasuredTrial]) -> Iterator[RecordedTrial]:
    """Yield the trials in their order, without the spike after them and without those that do not count.

    Args:
        plan: The search.
        home: Its folder.
        measured: The trials before the next one, which decide its warm-up.
    """
    start_s = 0.0
    excluded = ExcludedTrials()
    for folder in sorted((home / RUNS).glob("*")):
        result = results.load(folder)
        recording = _load_recording(folder, result)
        if recording is None or not is_trial(result.scenario):
            continue
        bare = drop_warm_up(recording, result.scenario.phases)
        phase = find_trial_phase(result.scenario)
        load_s = min(phase.duration_s, bare.elapsed_s) if bare.ended_s is None else bare.ended_s
        warm_up_s = _replay_warm_up_s(plan, [trial.trial for trial in measured])
        if excluded.find_reason(bare, result.summary) is None:
            place = f"{RUNS}/{folder.name}"
            yield RecordedTrial(load_of(phase), bare, load_s, warm_up_s, start_s, run=place)
        start_s += bare.elapsed_s


def _load_recording(folder: Path, result: RunResult) -> Recording | None:
    """Return the recording of a trial, with the values that only its samples and its result have."""
    recording = results.load_recording(folder)
    if recording is None:
        return None
    ended_s = [values.ended_s for values in results.open_samples(folder).values if values.ended_s is not None]
    return replace(
        recording,
        ended_s=ended_s[-1] if ended_s else None,
        stop=result.stop,
        calibration=result.calibration,
        reference_workload=result.reference_workload,
        host=result.host,
    )


def _replay_warm_up_s(plan: SearchPlan, trials: list[LoadTrial]) -> float:
    """Return the warm-up of the next trial: the same trials lead to the same warm-up."""
    planned = plan.searcher.next_trial(trials, math.inf)
    return planned.warm_up_s if isinstance(planned, PlannedTrial) else trials[-1].warm_up_s
