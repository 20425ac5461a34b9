"""Join the trials of a capacity search to one run."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.changed_stack import describe_change
from bench.core.capacity.curve_point import join_trials
from bench.core.capacity.load_objective import LoadObjective, list_objectives
from bench.core.capacity.load_trial import LoadTrial, LoadUnit, SearchEnd
from bench.core.capacity.make_result import CapacityTask, make_capacity_result
from bench.core.capacity.overload import OverloadPart, OverloadReport, report_overload
from bench.core.capacity.overload_plan import OverloadPlan, plan_overload
from bench.core.capacity.search import CapacitySearcher
from bench.core.capacity.trial_load import TrialPhase, find_trial_phase, hold_load, mean_think_s, unit_of
from bench.core.config.capacity_search import CapacitySearch
from bench.core.config.executors import Phase
from bench.core.config.run_spec import RunSpec
from bench.core.run.join_recordings import join_recordings
from bench.core.run.make_trial import RecordedTrial, make_trial
from bench.core.run.overhead import select_target
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult, make_result
from bench.core.run.run_start import RunStart
from bench.core.run.validity import judge_search
from bench.core.samples.sample import Stop

_SHORTEST_S = 0.1
"""Shortest duration that the phase of a trial can have."""


class MeasuredTrial(NamedTuple):
    """A trial and its requests."""

    trial: LoadTrial
    """The trial."""
    recorded: RecordedTrial
    """Its load and its recording."""


class SearchPlan(NamedTuple):
    """What a search looks for, and how it decides."""

    spec: RunSpec
    """The scenario, with its search."""
    objectives: tuple[LoadObjective, ...]
    """The objectives."""
    searcher: CapacitySearcher
    """Decides which load comes next."""

    @property
    def settings(self) -> CapacitySearch:
        """The declared search."""
        return self.spec.scenario.capacity or CapacitySearch()

    @property
    def phase(self) -> TrialPhase:
        """The load of the scenario, which describes a trial."""
        return find_trial_phase(self.spec.scenario)

    @property
    def unit(self) -> LoadUnit:
        """Unit of the load."""
        return unit_of(self.phase)

    def judge(self, recorded: RecordedTrial) -> MeasuredTrial:
        """Return the trial of a load that was held, with its verdict."""
        trial = make_trial(self.spec, recorded, self.objectives)
        verdict = self.searcher.judge(trial.counts)
        return MeasuredTrial(trial.model_copy(update={"verdict": verdict}), recorded)

    def plan_spike(self, trials: Sequence[LoadTrial]) -> OverloadPlan | None:
        """Return the spike after the trials; `None` if none is declared, or if no load is safe."""
        safe_load = self.searcher.estimate(trials)
        if self.settings.overload is None or safe_load is None or safe_load.load <= 0.0:
            return None
        points = join_trials(trials, safe_load.confidence)
        return plan_overload(self.phase, self.settings.overload, safe_load, points)

    def report_spike(
        self, spike: OverloadPlan, recording: Recording, trials: Sequence[LoadTrial]
    ) -> OverloadReport:
        """Return the behaviour beyond the safe load from the requests of a spike."""
        part = OverloadPart(
            samples=select_target(recording.samples),
            unit=self.unit,
            load=spike.load,
            rest_load=spike.rest_load,
            steady_from_s=spike.steady_from_s,
            spike_from_s=spike.before_s,
            spike_to_s=spike.spike_to_s,
            end_s=spike.end_s,
        )
        confidence = self.settings.confidence
        return report_overload(part, join_trials(trials, confidence), self.objectives, confidence)

    def answer(self, trials: Sequence[LoadTrial], ended: SearchEnd) -> CapacityResult:
        """Return the answer of the trials."""
        task = CapacityTask(self.unit, mean_think_s(self.phase), self.objectives, self.settings)
        return make_capacity_result(trials, self.searcher.estimate(trials), ended, task)


def join_search(
    plan: SearchPlan,
    start: RunStart,
    measured: Sequence[MeasuredTrial],
    ended: SearchEnd,
    stop: Stop | None = None,
) -> tuple[RunResult, Recording]:
    """Return a search as one run, whose scenario has a phase for each trial.

    The thresholds of the scenario do not judge it: a search looks for a load that crosses them.

    Args:
        plan: The search.
        start: The start of the run.
        measured: The trials, at least one.
        ended: Why the search ended.
        stop: Why the run ended early; `None` if it did not.
    """
    recordings = [trial.recorded.recording for trial in measured]
    joined = replace(join_recordings(recordings, range(len(recordings))), stop=stop)
    scenario = plan.spec.scenario.model_copy(update={"phases": _list_phases(plan, measured)})
    spec = plan.spec.model_copy(update={"scenario": scenario})
    result = make_result(spec, joined, start.provenance, start.fingerprint, start.limits)
    capacity = plan.answer([trial.trial for trial in measured], ended)
    change = describe_change(capacity.trials, capacity.unit)
    changes = {
        "thresholds": (),
        "validity": judge_search(joined, result.summary),
        "capacity": capacity,
        "warnings": (*result.warnings, *filter(None, [change])),
    }
    return result.model_copy(update=changes), joined


def _list_phases(plan: SearchPlan, measured: Sequence[MeasuredTrial]) -> tuple[Phase, ...]:
    phases: list[Phase] = []
    for _, recorded in measured:
        phases.append(hold_load(plan.phase, recorded.load, max(_SHORTEST_S, recorded.load_s)))
    return tuple(phases)


def plan_search(spec: RunSpec, searcher: CapacitySearcher) -> SearchPlan:
    """Return the plan of a search.

    Raises:
        ConfigError: The scenario has no objective.
    """
    return SearchPlan(spec, list_objectives(spec.scenario), searcher)
