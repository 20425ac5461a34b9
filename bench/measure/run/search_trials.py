"""Hold the loads of a capacity search one after the other, on one stack and with the same load generators."""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bench.core.capacity.load_trial import LoadTrial, SearchEnd
from bench.core.capacity.overload import OverloadReport
from bench.core.capacity.trial_length import PlannedTrial
from bench.core.capacity.trial_load import hold_load
from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Stack
from bench.core.load.load_steps import NextStage
from bench.core.load.progress import Progress
from bench.core.report.capacity_progress import (
    SearchState,
    describe_end,
    describe_running,
    describe_start,
    describe_warm_up,
)
from bench.core.report.capacity_words import describe_load
from bench.core.run.excluded_trials import ExcludedTrials
from bench.core.run.make_trial import RecordedTrial
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult, make_result
from bench.core.run.run_start import RUNS
from bench.core.run.search_result import MeasuredTrial, SearchPlan
from bench.core.run.validity import find_generator_limit
from bench.core.run.warm_up import drop_warm_up
from bench.core.samples.sample import Stop, StopCause
from bench.core.values.duration import format_duration
from bench.errors import MeasurementError
from bench.measure.load.workers import Workers
from bench.measure.machine.signals import call_on_signals
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.drain import StackQueues
from bench.measure.run.generators import find_machine_limits, open_generators
from bench.measure.run.recorder import record_on
from bench.measure.run.run_files import make_start, open_store
from bench.measure.run.run_hooks import RunHooks
from bench.measure.run.stack_recovery import find_failure
from bench.measure.run.subject import Subject
from bench.measure.run.token_renewal import Tokens
from bench.measure.run.trial_end import TrialEnd
from bench.measure.stacks.running_stack import RunningStack

OnTrial = Callable[[Path, RunResult, Recording], object]
"""Stores the run of a trial in its folder, below that of all runs."""
MOST_LIMITED = 2
"""The search ends when the load generator was too slow for this number of trials in a row."""


@dataclass(frozen=True, slots=True)
class SearchSite:
    """The stack of a search, and the settings of its measurement."""

    stack: Stack
    running: RunningStack
    subject: Subject
    conditions: Conditions
    listener: Listener
    run_id: str
    """Id of the search."""
    on_trial: OnTrial
    """Stores the run of a trial."""


@dataclass(slots=True)
class SearchTrials:
    """The trials of a search so far. Use `run`."""

    plan: SearchPlan
    site: SearchSite
    more_users: ExitStack
    """Removes the test users that are added between two trials."""
    measured: list[MeasuredTrial] = field(default_factory=list)
    """The trials."""
    ended: SearchEnd = SearchEnd.INTERRUPTED
    """Why the search ended."""
    stop: Stop | None = None
    """Why a trial ended early; `None` if none did."""
    overload: OverloadReport | None = None
    """The behaviour beyond the safe load; `None` if it was not measured."""
    limit: str | None = None
    """Why the load generator could not send the load of the newest trial; `None` if it could."""
    uncounted: str | None = None
    """Why the newest trial does not count; `None` if it does."""
    _number: int = 0
    _limited: int = 0
    _limited_load: float | None = None
    _excluded: ExcludedTrials = field(default_factory=ExcludedTrials)
    _begin_s: float = 0.0
    _tokens: Tokens | None = None
    _queues: StackQueues = field(default_factory=StackQueues)
    _interrupted: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def trials(self) -> list[LoadTrial]:
        """The trials."""
        return [measured.trial for measured in self.measured]

    @property
    def is_interrupted(self) -> bool:
        """Whether Ctrl-C ended the search, or the spike after it."""
        return self._interrupted.is_set()

    async def run(self) -> None:
        """Measure trials until the search ends, or until Ctrl-C, a service or a load generator ends it."""
        self._tokens = self.site.subject.tokens
        with call_on_signals(self._interrupted.set):
            async with open_generators(self.site.conditions.workers, self.site.subject) as generators:
                self._begin_s = time.monotonic()
                while self.stop is None:
                    planned = self.plan.searcher.next_trial(self.trials, self._left_s())
                    if isinstance(planned, SearchEnd):
                        self.ended = planned
                        await self._measure_spike(generators)
                        return
                    planned = self._reduce(planned)
                    if self._is_limited() or await self._is_too_large(planned, generators):
                        self.ended = SearchEnd.LOAD_GENERATOR
                        return
                    await self._measure_or_stop(planned, generators)

    def _left_s(self) -> float:
        return self.plan.settings.budget_s - (time.monotonic() - self._begin_s)

    async def _measure_or_stop(self, planned: PlannedTrial, generators: Workers) -> None:
        """Measure a trial. An error after the first one ends the search, which keeps the others.

        Raises:
            MeasurementError: The load generators did not begin the first trial.
        """
        try:
            await self._measure(planned, generators)
        except MeasurementError as error:
            if not self.measured:
                raise
            self.stop = Stop(cause=StopCause.GENERATOR, reason=error.message)
        if self.stop is None and self._interrupted.is_set():
            self.stop = Stop(cause=StopCause.INTERRUPT, reason="interrupted")

    def _reduce(self, planned: PlannedTrial) -> PlannedTrial:
        """Return a trial with a smaller load if the load generator could not send the newest one."""
        if self._limited_load is None:
            return planned
        sent = max([trial.load for trial in self.trials], default=0.0)
        load = (sent + self._limited_load) / 2
        if self.plan.unit == "users":
            load = float(int(load))
        return planned._replace(load=max(self._lowest, min(planned.load, load)))

    def _is_limited(self) -> bool:
        """Return whether the load generator was too slow for several trials, or for the smallest load."""
        if self.measured:
            return self._limited >= MOST_LIMITED
        return self._limited_load is not None and self._limited_load <= self._lowest

    @property
    def _lowest(self) -> float:
        """Return the smallest load that may be tried."""
        lowest = self.plan.settings.lowest
        return float(math.ceil(lowest)) if self.plan.unit == "users" else lowest

    async def _is_too_large(self, planned: PlannedTrial, generators: Workers) -> bool:
        """Return whether the machines of the load generators certainly cannot send a load."""
        shortages, _ = await find_machine_limits(generators, self.make_spec(planned), self.site.subject)
        self.limit = next(iter(shortages), self.limit)
        return bool(shortages)

    def make_spec(self, planned: PlannedTrial) -> RunSpec:
        """Return the run of a trial. Each has an order of messages of its own.

        The warm-up phases of the scenario precede the first trial.
        """
        scenario = self.plan.spec.scenario
        warm_ups = [phase for phase in scenario.phases if phase.warm_up] if self._number <= 1 else []
        longest_s = planned.warm_up_s + planned.longest_s
        changes = {
            "phases": (*warm_ups, hold_load(self.plan.phase, planned.load, longest_s)),
            "seed": scenario.seed + max(0, self._number - 1),
            "thresholds": {},
            "capacity": None,
        }
        return self.plan.spec.model_copy(update={"scenario": scenario.model_copy(update=changes)})

    async def _measure(self, planned: PlannedTrial, generators: Workers) -> None:
        """Hold a load, and add the trial, unless the load generator could not send it in time."""
        site = self.site
        self._number += 1
        spec = self.make_spec(planned)
        self._add_users(spec)
        state = self._state()
        longest = format_duration(round(spec.scenario.duration_s))
        site.listener.note(f"{describe_start(state, planned.load)}; at most {longest}")
        end = TrialEnd(self.plan, planned, self._queues, self._interrupted)
        hooks = RunHooks(
            partial(self._show, state, planned.load, end), site.listener.note, self._interrupted, end
        )
        start_s = time.monotonic() - self._begin_s
        recording, result = await self._record(spec, generators, hooks)
        self.stop = recording.stop
        bare = drop_warm_up(recording, spec.scenario.phases)
        load_s = find_load_s(bare, planned)
        place = f"{RUNS}/{self._place.name}"
        recorded = RecordedTrial(planned.load, bare, load_s, planned.warm_up_s, start_s, end.drain_s, place)
        measured = self.plan.judge(recorded)
        self._add(measured, self._excluded.find_reason(bare, result.summary))
        if self.stop is None and measured.trial.success_ratio == 0.0:
            self.stop = await find_failure(spec, site.running, self._tokens, self._interrupted, site.listener)

    async def _measure_spike(self, generators: Workers) -> None:
        """Hold a load below the safe load, add a spike, and return to the first load. Errors are warnings."""
        planned = self.plan.plan_spike(self.trials)
        if planned is None:
            return
        site = self.site
        scenario = self.plan.spec.scenario
        changes: dict[str, object] = {"phases": (planned.phase,), "thresholds": {}, "capacity": None}
        spec = self.plan.spec.model_copy(update={"scenario": scenario.model_copy(update=changes)})
        shortages, _ = await find_machine_limits(generators, spec, site.subject)
        if shortages:
            site.listener.warning(f"no spike beyond the safe load: {shortages[0]}")
            return
        spike = describe_load(planned.load, self.plan.unit)
        site.listener.note(f"a spike of {spike}; {format_duration(round(planned.end_s))}")
        self._number += 1
        hooks = RunHooks(site.listener.progress, site.listener.note, self._interrupted)
        try:
            self._add_users(spec)
            recording, result = await self._record(spec, generators, hooks)
        except MeasurementError as error:
            site.listener.warning(f"no spike beyond the safe load: {error.message}")
            return
        limit = find_generator_limit(recording, result.summary)
        if recording.stop is not None or limit is not None:
            reason = limit if recording.stop is None else recording.stop.reason
            site.listener.warning(f"the spike does not count: {reason}")
            return
        self.overload = self.plan.report_spike(planned, recording, self.trials)

    @property
    def _place(self) -> Path:
        """The folder of the newest run, below that of all runs."""
        return Path(self.site.run_id, RUNS, f"{self._number:03}")

    async def _record(
        self, spec: RunSpec, generators: Workers, hooks: RunHooks
    ) -> tuple[Recording, RunResult]:
        """Measure a run and store it. The first run calibrates the load generators for all."""
        site = self.site
        subject = replace(site.subject, tokens=self._tokens)
        if self._number > 1:
            subject = replace(subject, reference=None)
        start = make_start(spec, site.stack, site.conditions, subject, site.run_id)
        with open_store(spec, start, site.conditions, self._place) as store:
            recording = await record_on(generators, spec, replace(subject, store=store), hooks)
        result = make_result(spec, recording, start.provenance, start.fingerprint, start.limits)
        site.on_trial(self._place, result, recording)
        return recording, result

    def _add(self, measured: MeasuredTrial, reason: str | None) -> None:
        """Add a trial, unless there is a reason why it shows nothing about the stack."""
        self.limit = self._excluded.limit
        self.uncounted = reason
        trial = measured.trial
        if reason is not None and self.stop is None:
            if self.limit is not None:
                self._limited += 1
                self._limited_load = trial.load
            self.site.listener.warning(f"the trial does not count: {reason}")
            return
        self._limited = 0
        self._limited_load = None
        self.measured.append(measured)
        self.site.listener.note(describe_end(trial, self._number, self.plan.unit))

    def _state(self) -> SearchState:
        used_s = time.monotonic() - self._begin_s
        estimate = self.plan.searcher.estimate(self.trials)
        budget_s = self.plan.settings.budget_s
        return SearchState(self.plan.unit, tuple(self.trials), estimate, used_s, budget_s, self._number)

    def _show(self, state: SearchState, load: float, end: TrialEnd, progress: Progress) -> None:
        following = f"trial {self._number + 1} or the answer"
        if not progress.is_load:
            afterwards = progress.afterwards or (following,)
            step = replace(progress, part=f"trial {self._number}", afterwards=afterwards)
            self.site.listener.progress(step)
            return
        if end.elapsed_s:
            words = describe_running(state, load, end.elapsed_s, end.counts)
        elif self._number == 1 and self.plan.spec.scenario.phases[0].warm_up:
            words = describe_warm_up(progress.elapsed_s)
        else:
            words = describe_running(state, load, progress.elapsed_s, ())
        planned_s = progress.planned_s or 0.0
        at_most_s = max(0.0, planned_s - (end.elapsed_s or progress.elapsed_s))
        stages = (NextStage(following, at_most_s, is_latest=True),)
        self.site.listener.progress(replace(progress, trial=words, stages=stages, afterwards=()))

    def _add_users(self, spec: RunSpec) -> None:
        """Add test users if a load needs more than there are: at least as many again."""
        tokens = self._tokens
        if tokens is None or spec.scenario.accounts <= tokens.count:
            return
        from bench.measure.run.run_users import provide_users  # noqa: PLC0415 - few searches need more

        count = max(tokens.count, spec.scenario.accounts - tokens.count)
        run_id = f"{self.site.run_id}-{self._number}"
        more = self.more_users.enter_context(
            provide_users(self.site.running, (), count, run_id, self.site.listener.warning)
        )
        if more is not None:
            self._tokens = tokens.extend(more)


def find_load_s(recording: Recording, planned: PlannedTrial) -> float:
    """Return the time in which a trial planned requests; its recording has no other phase."""
    longest_s = planned.warm_up_s + planned.longest_s
    if recording.ended_s is not None:
        return recording.ended_s
    return longest_s if recording.stop is None else min(longest_s, recording.elapsed_s)
