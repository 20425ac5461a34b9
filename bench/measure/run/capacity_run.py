"""Measure a capacity search: start the stack once, hold one load after the other, and join the trials."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.core.capacity.load_trial import SearchEnd
from bench.core.capacity.trial_length import SHORTEST_S, SHORTEST_WARM_UP_S, PlannedTrial
from bench.core.capacity.trial_load import find_trial_phase, hold_load, load_of
from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Stack
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.run.run_start import RunStart
from bench.core.run.search_result import SearchPlan, join_search
from bench.errors import ConfigError, MeasurementError
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.provenance import new_run_id
from bench.measure.run.run import check_before, prepare_on, provide_stack
from bench.measure.run.run_files import log_folder, make_start, open_store
from bench.measure.run.search_trials import OnTrial, SearchSite, SearchTrials

_FEWEST_USERS = 32
"""Test users that exist before the first trial, if the search has no largest load."""
_DOUBLINGS = 4
"""The users are enough for this factor of the first load."""


@dataclass(frozen=True, slots=True)
class MeasuredSearch:
    """A search that was measured."""

    result: RunResult
    """All trials as one run."""
    recording: Recording
    """Their recording."""
    is_interrupted: bool
    """Whether Ctrl-C ended it, perhaps in the spike after the search."""


def measure_capacity(
    plan: SearchPlan, stack: Stack, conditions: Conditions, listener: Listener, on_trial: OnTrial
) -> MeasuredSearch:
    """Search for the safe load of a stack.

    Args:
        plan: The search.
        stack: The stack.
        conditions: Settings of the measurement.
        listener: Receives the events.
        on_trial: Stores the run of a trial.

    Raises:
        ConfigError: The settings do not fit the stack, or the budget is too short for a trial.
        MeasurementError: A load generator was lost before the first trial, or cannot send the smallest load.
        TargetError: The stack did not start or refused the test users.
        KeyboardInterrupt: Ctrl-C ended the search before its first trial had a request.
    """
    spec = plan.spec
    first = plan.searcher.next_trial([], plan.settings.budget_s)
    if isinstance(first, SearchEnd):
        budget = f"the budget of {plan.settings.budget_s:g} s"
        least = f"{SHORTEST_WARM_UP_S + SHORTEST_S:g} s"
        raise ConfigError(f"{budget} is too short for one trial of at least {least}", "--budget 10m")
    run_id = new_run_id(spec.scenario.name)
    logs = log_folder(conditions, run_id)
    limits = check_before(_hold(spec, first.load), conditions, listener)
    prepared = _hold(spec, _find_prepared_load(plan, first))
    start: RunStart | None = None
    search: SearchTrials | None = None
    is_interrupted = False
    try:
        with (
            provide_stack(prepared, stack, conditions, run_id, listener, logs=logs) as started,
            prepare_on(started, prepared, conditions, run_id, listener, machine_limits=limits) as subject,
            ExitStack() as more_users,
        ):
            start = make_start(spec, stack, conditions, subject, run_id)
            site = SearchSite(stack, started.running, subject, conditions, listener, run_id, on_trial)
            search = SearchTrials(plan, site, more_users)
            with open_store(spec, start, conditions, Path(run_id)):
                asyncio.run(search.run())
                _require_answer(search)
    except KeyboardInterrupt:
        if start is None or search is None or not search.measured:
            raise
        is_interrupted = True  # between two trials, or while the stack stopped
    result, recording = join_search(plan, start, search.measured, search.ended, search.stop)
    result = _name_limit(_add_overload(result, search), search)
    return MeasuredSearch(result, recording, is_interrupted or search.is_interrupted)


def _hold(spec: RunSpec, load: float) -> RunSpec:
    """Return a scenario with another load in its measured phase."""
    scenario = spec.scenario
    phase = find_trial_phase(scenario)
    held = hold_load(phase, load, max(phase.duration_s, 1.0))
    phases = tuple(held if old is phase else old for old in scenario.phases)
    return spec.model_copy(update={"scenario": scenario.model_copy(update={"phases": phases})})


def _find_prepared_load(plan: SearchPlan, first: PlannedTrial) -> float:
    """Return the load whose test users exist from the start."""
    if plan.settings.highest is not None:
        return plan.settings.highest
    declared = load_of(find_trial_phase(plan.spec.scenario))
    return max(declared, _DOUBLINGS * first.load, _FEWEST_USERS)


def _require_answer(search: SearchTrials) -> None:
    """Check that a trial was measured.

    Raises:
        MeasurementError: The load generator cannot send the smallest load, or the machine was not quiet.
        KeyboardInterrupt: Ctrl-C ended the search before.
    """
    if search.measured:
        return
    if search.limit is not None:
        raise MeasurementError(search.limit, "use a smaller --from, more --workers, or a larger machine")
    if search.stop is None and search.uncounted is not None:
        raise MeasurementError(f"no trial counts: {search.uncounted}", "search again, with a longer --budget")
    raise KeyboardInterrupt("interrupted before the first trial had a request")


def _add_overload(result: RunResult, search: SearchTrials) -> RunResult:
    """Return the result with the behaviour beyond the safe load, if it was measured."""
    if result.capacity is None or search.overload is None:
        return result
    capacity = result.capacity.model_copy(update={"overload": search.overload})
    return result.model_copy(update={"capacity": capacity})


def _name_limit(result: RunResult, search: SearchTrials) -> RunResult:
    """Return the result with a warning if the load generator ended the search."""
    if search.ended is not SearchEnd.LOAD_GENERATOR or search.limit is None:
        return result
    warning = f"the load generator is the limit of this search, not the stack: {search.limit}"
    return result.model_copy(update={"warnings": (*result.warnings, warning)})
