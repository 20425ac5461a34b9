"""Measure scenarios on two versions in turns until the difference is known, and judge them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bench.core.report.pair_progress import describe_pair
from bench.core.run.pairing import PairedFolders, Pairing
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.values import wording
from bench.core.verdict.baseline import Level
from bench.core.verdict.compare import Comparison
from bench.core.verdict.pair_limits import PairLimits
from bench.core.verdict.stopping import next_step
from bench.errors import BaseUnavailableError, BenchError, StoreError, TargetError
from bench.measure.machine.signals import defer_signals, finish_first
from bench.measure.run.alternate import (
    Alternation,
    Arm,
    FailedPair,
    Pair,
    PairedSpec,
    PairRun,
    join_runs,
    open_versions,
)
from bench.measure.run.conditions import Listener
from bench.store import failures
from bench.store import pairs as pairs_store
from bench.store import results as store
from bench.store.pairs import StoredPairs
from bench.usecases.compare import JudgedRun, find_accepted, judge_pairs, report_pairs
from bench.usecases.failed_run import store_reason
from bench.usecases.report import store_judgement
from bench.usecases.run import stop_error
from bench.usecases.time_limit import NO_LIMIT, TimeLimit, expect_s


@dataclass(frozen=True, slots=True)
class PairedPlan:
    """Two versions, and the scenarios that they are compared with."""

    base: Arm
    head: Arm
    specs: Sequence[PairedSpec]
    """The scenarios, at least one."""
    limits: PairLimits
    scenarios: int = 1
    """Number of scenarios that are judged together; it divides the rate of false alarms."""
    time_limit: TimeLimit = NO_LIMIT
    """The time until the comparison has to end."""


@dataclass(frozen=True, slots=True)
class MeasuredPairs:
    """Scenarios that were measured in pairs."""

    judged: tuple[JudgedRun, ...]
    """The judged scenarios, in their order."""
    errors: Mapping[str, TargetError] = field(default_factory=dict)
    """Why a scenario was not measured, by its name: a service of the head ended twice."""

    @property
    def single(self) -> JudgedRun:
        """The only scenario.

        Raises:
            TargetError: It was not measured.
        """
        for error in self.errors.values():
            raise error
        (judged,) = self.judged
        return judged


_NOTHING_KEPT = "no pair is complete\nnext: run the same command again"


class _PairsSoFar:
    """The pairs of one scenario, and why they ended."""

    def __init__(self, spec: PairedSpec, plan: PairedPlan) -> None:
        self.spec = spec
        self.stopped: str | None = None
        self.error: TargetError | None = None
        self._plan = plan
        self._pairs: list[Pair] = []
        self._latest_s = 2.0 * expect_s(spec.head.scenario)
        self._failed: FailedPair | None = None
        self._error: str | None = None

    @cached_property
    def _accepted(self) -> Level | None:
        """The level that only the head's files accept, once a pair is complete."""
        return find_accepted(self._pairs[0].base.result, self._pairs[0].head.result)

    def now_s(self) -> float:
        """Return the time of the clock of the time limit."""
        return self._plan.time_limit.now_s()

    @property
    def number(self) -> int:
        """The number of complete pairs."""
        return len(self._pairs)

    def add(self, pair: Pair, took_s: float) -> str:
        """Add a pair, decide whether it is the last one, and return what is known so far."""
        self._pairs.append(pair)
        self._latest_s = took_s
        result, _ = self._join_head()
        paired = self._collect()
        comparison = judge_pairs(paired, result, self._accepted)
        self.stopped = self._find_end(comparison)
        comparison = comparison.model_copy(update={"stopped": self.stopped})
        return describe_pair(comparison, self.number, self._plan.limits)

    def fail(self, pair: FailedPair) -> str:
        """End the comparison as invalid, and return the reason."""
        self._failed = pair
        self.stopped = f"pair {self.number + 1} failed twice: {pair.problem}"
        stop = pair.target_stop
        if stop is not None:
            self.error = stop_error(self.stopped, stop)
        return self.stopped

    def end_by_time(self) -> bool:
        """End the pairs if the next one would exceed the time limit; return whether they ended."""
        if self._plan.time_limit.has_time_for(self._latest_s):
            return False
        self.stopped = f"the time of the job is over after {wording.counted(self.number, 'pair')}"
        return True

    def end_early(self, reason: str, *, is_error: bool) -> None:
        """End the pairs that have not ended. After an error they decide nothing."""
        if self.stopped is None:
            self.stopped = reason
            self._error = reason if is_error else None

    @property
    def is_measured(self) -> bool:
        """Whether there is a run to judge."""
        return bool(self._pairs) or self._failed is not None

    def judge(self, results: Path) -> JudgedRun:
        """Judge the pairs, at least one or a failed one, and store them with their reports."""
        result, recording = self._join_head()
        folder, problem = store.save_anywhere(result, recording, results)
        paired = self._collect()
        judged = JudgedRun(report_pairs(paired, result), folder)
        content = paired.pairing.model_dump_json(indent=1) + "\n"
        return store_judgement(judged, problem, {pairs_store.PAIRS: content})

    def _find_end(self, comparison: Comparison) -> str | None:
        """Return why no more pairs are needed; `None` if more are."""
        limits = self._plan.limits
        if self._pairs[-1].head.is_aborted:
            return "a threshold ended the run of the head"
        reason = next_step(comparison) if self.number >= limits.least else None
        if reason is not None:
            return str(reason)
        return f"{self.number} pairs are the largest number" if self.number >= limits.most else None

    def _join_head(self) -> tuple[RunResult, Recording]:
        """Return the runs of the head as one run; those of a failed pair only if no other is complete."""
        runs = [pair.head for pair in self._pairs]
        if not runs and self._failed is not None:
            runs = [self._failed.run]
        return join_runs(self.spec.head, self._plan.head.stack, runs)

    def _collect(self) -> StoredPairs:
        """Return the pairs as they are stored."""
        folders: list[PairedFolders] = []
        for pair in self._pairs:
            folders.append(PairedFolders(base=pair.base.place.name, head=pair.head.place.name))
        pairing = Pairing(
            base_name=self._plan.base.name,
            pairs=tuple(folders),
            scenarios=self._plan.scenarios,
            stopped=self.stopped,
            failure=self._error if self._failed is None else self.stopped,
        )
        base = tuple(pair.base.result for pair in self._pairs)
        return StoredPairs(pairing, base, tuple(pair.head.result for pair in self._pairs))


def measure_pairs(plan: PairedPlan, results: Path, listener: Listener) -> MeasuredPairs:
    """Measure each scenario in pairs until its difference is known.

    The scenarios take turns, pair by pair, and each ends on its own. A scenario is left out if the time limit
    ends before its first pair. If a service of the head ends twice during a scenario, that scenario is not
    measured, and the others go on. The reason why a scenario was not measured is stored, too.

    Args:
        plan: The versions and the scenarios.
        results: Folder of the stored runs. Each single run is stored when it ends.
        listener: Receives the progress, and what is known after each pair.

    Raises:
        BenchError: A stack did not start, or a load generator was lost. Complete pairs are stored.
        KeyboardInterrupt: Ctrl-C ended a run. Complete pairs are stored.
    """
    measured = [_PairsSoFar(spec, plan) for spec in plan.specs]
    try:
        with open_versions(plan.base, plan.head, plan.specs, listener, _store_in(results)) as versions:
            while active := [scenario for scenario in measured if scenario.stopped is None]:
                for scenario in active:
                    if not scenario.end_by_time():
                        _measure_next(scenario, versions, listener, results)
    except KeyboardInterrupt as interrupt:
        kept = None
        with suppress(KeyboardInterrupt), defer_signals():
            kept = _keep(measured, "Ctrl-C ended the comparison", results, is_error=False)
        raise KeyboardInterrupt(f"interrupted; {kept or _NOTHING_KEPT}") from interrupt
    except BenchError as error:
        for scenario in measured:
            if scenario.stopped is None:
                store_reason(scenario.spec.name, error, results)
        kept = _keep(measured, "an error ended the comparison", results, is_error=True)
        error.hint = "; ".join(filter(None, [error.hint, kept])) or None
        raise
    return _judge_all(measured, results)


def _judge_all(measured: Sequence[_PairsSoFar], results: Path) -> MeasuredPairs:
    """Judge and store the scenarios, also the runs of those that count as not measured."""
    judged: list[JudgedRun] = []
    errors: dict[str, TargetError] = {}
    with finish_first(lambda: _describe_judged(judged)):
        for scenario in measured:
            if not scenario.is_measured:
                continue
            name = scenario.spec.name
            run = scenario.judge(results)
            if scenario.error is None:
                judged.append(run)
                failures.forget(name, results)
            else:
                errors[name] = scenario.error
    return MeasuredPairs(tuple(judged), errors)


def _describe_judged(judged: Sequence[JudgedRun]) -> str:
    """Return the message of an interruption after the last pair."""
    commands = [f"bench compare {run.folder}" for run in judged]
    return f"interrupted; all pairs are kept, see {wording.listing(commands)}"


def _measure_next(scenario: _PairsSoFar, versions: Alternation, listener: Listener, results: Path) -> None:
    """Measure the next pair of a scenario. A pair that fails is measured once more."""
    name = scenario.spec.name
    number = scenario.number + 1
    began_s = scenario.now_s()
    pair = versions.measure_pair(scenario.spec, number)
    if isinstance(pair, FailedPair):
        listener.warning(f"{name}: pair {number} is measured again: {pair.problem}")
        pair = versions.measure_pair(scenario.spec, number)
    if isinstance(pair, FailedPair) and pair.side == "base" and pair.target_stop is not None:
        raise BaseUnavailableError(f"{name}: pair {number} failed twice: {pair.problem}")
    if isinstance(pair, FailedPair):
        listener.warning(f"{name}: {scenario.fail(pair)}")
        if scenario.error is not None:
            store_reason(name, scenario.error, results)
    else:
        listener.note(f"{name}, {scenario.add(pair, scenario.now_s() - began_s)}")


def _store_in(results: Path) -> Callable[[PairRun], None]:
    """Return a function that stores a single run in its own folder."""

    def store_run(run: PairRun) -> None:
        with suppress(StoreError):  # the joined runs are stored again, and the error is reported there
            store.save_in(run.result, run.recording, results / run.place)

    return store_run


def _keep(measured: Sequence[_PairsSoFar], reason: str, results: Path, *, is_error: bool) -> str | None:
    """Store the complete pairs after an early end; return their place, or `None` without one.

    After an error they are invalid, because the version that failed may be the one that is judged.
    """
    commands: list[str] = []
    pairs = 0
    for scenario in measured:
        if scenario.number:
            scenario.end_early(reason, is_error=is_error)
            pairs += scenario.number
            commands.append(f"bench compare {scenario.judge(results).folder}")
    if not commands:
        return None
    return f"{wording.counted(pairs, 'complete pair')} kept\nnext: {wording.listing(commands)}"
