"""Search for the largest load that meets the objectives of a scenario, and judge it against the baseline."""

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from bench.core.capacity.load_objective import list_objectives
from bench.core.capacity.load_trial import SafeLoad
from bench.core.capacity.search import CapacitySearcher
from bench.core.capacity.trial_load import TrialPhase, find_trial_phase, load_of, unit_of
from bench.core.config.capacity_search import CapacitySearch
from bench.core.config.quick_load import is_address
from bench.core.report.capacity_words import describe_load
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.run.search_result import SearchPlan, plan_search
from bench.core.values.duration import format_duration
from bench.measure.machine.signals import finish_first
from bench.measure.run.capacity_run import measure_capacity
from bench.measure.run.conditions import Listener
from bench.store import results
from bench.store.folders import RESULTS
from bench.usecases.check import judge_measured
from bench.usecases.compare import JudgedRun
from bench.usecases.failed_run import keep_reasons
from bench.usecases.interruption import describe_stored, explain_interrupt
from bench.usecases.options import QUIET, RunOptions
from bench.usecases.plan_run import PlannedRun, plan_address, plan_scenario
from bench.usecases.previous_search import find_previous
from bench.usecases.run import StoredRun, check_stop
from bench.usecases.search_options import SearchOptions, choose_search, refuse_other_loads
from bench.usecases.unfinished import mention_unfinished

if TYPE_CHECKING:
    from bench.store.results import MisplacedRunError


def capacity(
    scenario: str,
    *,
    search: SearchOptions | None = None,
    cold: bool = False,
    confirm: bool = True,
    listener: Listener = QUIET,
    **options: Unpack[RunOptions],
) -> JudgedRun:
    """Search for the safe load of a stack, judge it against its baseline, and store the reports.

    The safe load is the largest number of VUs, or in an open loop the highest rate, that meets the
    objectives. The search holds one load after the other on one stack, each only until it is decided.

    Args:
        scenario: Name of a scenario with one constant load, the path of its file, or the address of a
            service.
        search: Smallest and largest load, time, and width of the interval; see `SearchOptions`.
        cold: Start with the load of the scenario, also if an earlier search has an answer.
        confirm: Search a second time if the safe load is suspected to be smaller than the accepted one.
        listener: Receives progress, notes and warnings.
        options: See `RunOptions`. Objectives are limits of the p95, such as `e2e<10s`.

    Raises:
        BenchError: As for `bench.check`. A ConfigError also if the scenario has no objective, no constant
            load or several loads, or if the budget is too short.
        KeyboardInterrupt: Ctrl-C ended the search. Its answer so far is stored; the message has both.
    """
    refuse_other_loads(options)
    folder = Path(options.get("results", RESULTS))
    with keep_reasons([scenario], folder), explain_interrupt(folder):
        mention_unfinished(folder, listener)
        address = is_address(scenario)
        planned = plan_address(scenario, options, listener) if address else plan_scenario(scenario, options)
        spec = choose_search(planned.spec, search or {})
        planned = PlannedRun(planned.stack, spec, planned.conditions)
        return judge_measured(
            lambda listener: measure_search(planned, folder, listener, cold=cold), listener, confirm=confirm
        )


def measure_search(
    planned: PlannedRun, folder: Path, listener: Listener, *, cold: bool = False
) -> "tuple[StoredRun, MisplacedRunError | None]":
    """Search for the safe load of a planned run, and store the search as one run.

    Args:
        planned: The stack, and a scenario with a search.
        folder: Folder of the stored runs.
        listener: Receives progress, notes and warnings.
        cold: Start with the load of the scenario.

    Raises:
        BenchError: As for `bench.run`, if no trial was measured.
        KeyboardInterrupt: Ctrl-C ended the search.
    """
    plan = _plan(planned, folder, listener, cold=cold)

    def store_trial(place: Path, result: RunResult, recording: Recording) -> None:
        results.save_in(result, recording, folder / place)

    searched = measure_capacity(plan, planned.stack, planned.conditions, listener, store_trial)
    home = folder / searched.result.provenance.run_id
    problem: MisplacedRunError | None = None

    def describe() -> str:
        return describe_stored("the answer of the search is", home, problem=problem)

    with finish_first(describe):
        home, problem = results.save_anywhere(searched.result, searched.recording, folder)
    if searched.is_interrupted:
        if problem is None:
            check_stop(searched.result, home)
        raise KeyboardInterrupt(describe())
    return StoredRun(searched.result, home, problem), problem


def _plan(planned: PlannedRun, folder: Path, listener: Listener, *, cold: bool) -> SearchPlan:
    """Return the search, which starts with the newest earlier answer if there is one."""
    spec = planned.spec
    phase = find_trial_phase(spec.scenario)
    settings = spec.scenario.capacity or CapacitySearch()
    unit = unit_of(phase)
    words = tuple(objective.words for objective in list_objectives(spec.scenario))
    budget = format_duration(settings.budget_s)
    name = f"{spec.scenario.name} on {planned.stack.name}"
    listener.note(f"{name}: search for the largest load with {' and '.join(words)}; at most {budget}")
    previous = None if cold else find_previous(spec, planned.stack, unit, words, folder)
    if previous is not None:
        start = describe_load(previous.safe_load.load, unit)
        listener.note(f"the search starts at {start}, the answer of {previous.place} (--cold ignores it)")
    first = _declared_start(phase, settings) if previous is None else previous.safe_load
    return plan_search(spec, CapacitySearcher(settings, unit, first))


def _declared_start(phase: TrialPhase, settings: CapacitySearch) -> SafeLoad:
    """Return the load of the scenario in the form of an earlier answer: the searcher starts with it."""
    load = load_of(phase)
    return SafeLoad(load=load, low=load, high=None, confidence=settings.confidence)
