"""Measure two versions alternately on one machine, in the order `ABBA ABBA…`, never both at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Stack
from bench.core.load.machine_limits import MachineLimits
from bench.core.run.join_recordings import join_recordings
from bench.core.run.origin import Provenance
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult, make_result
from bench.core.run.run_start import RUNS
from bench.core.run.warm_up import drop_warm_up
from bench.core.samples.sample import Stop, StopCause
from bench.core.verdict.ab import run_order
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.provenance import describe_commit, new_run_id
from bench.measure.run.recorder import record
from bench.measure.run.run import StartedStack, check_before, prepare_on, provide_stack
from bench.measure.run.run_files import log_folder, make_start, open_store
from bench.measure.run.subject import Subject
from bench.measure.run.two_versions import (
    blame_base,
    find_version_conflict,
    name_head,
    open_shared_services,
)

if TYPE_CHECKING:
    from bench.measure.stacks.shared_services import SharedServices

Side = Literal["base", "head"]
_NO_CHANGES: dict[str, Any] = {"changed_files": (), "more_changed_files": 0}
"""No uncommitted changes, in a run of a version."""
_SIDE_OF: Mapping[str, Side] = {"A": "base", "B": "head"}


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the two versions."""

    name: str
    """Its name on the command line."""
    stack: Stack
    conditions: Conditions
    commit: str | None = None
    """The commit of its files; `None` for the current folder, or if it is unknown."""
    is_elsewhere: bool = False
    """Whether its files are in another folder, whose commit is unknown."""


@dataclass(frozen=True, slots=True)
class PairedSpec:
    """A scenario, as each of the two versions gets it."""

    base: RunSpec
    """The scenario, with the limits, services and variables of the first version."""
    head: RunSpec
    """The same of the second version."""

    @property
    def name(self) -> str:
        """The name of the scenario."""
        return self.head.scenario.name

    def of(self, side: Side) -> RunSpec:
        """Return the scenario of a version."""
        return self.base if side == "base" else self.head


@dataclass(frozen=True, slots=True)
class PairRun:
    """One of the two runs of a pair."""

    place: Path
    """Its folder, below that of all runs."""
    result: RunResult
    recording: Recording

    @property
    def problem(self) -> str | None:
        """Why the run cannot be compared; `None` if it can. A threshold that ends a run is a result."""
        stop = self.result.stop
        if stop is not None and stop.cause is not StopCause.THRESHOLD:
            return stop.reason
        return next(iter(self.result.validity.reasons), None)

    @property
    def is_aborted(self) -> bool:
        """Whether a threshold ended the run."""
        return self.result.stop is not None and self.result.stop.cause is StopCause.THRESHOLD


@dataclass(frozen=True, slots=True)
class Pair:
    """A run of each version, one directly after the other."""

    base: PairRun
    head: PairRun


@dataclass(frozen=True, slots=True)
class FailedPair:
    """A pair with a run that cannot be compared."""

    run: PairRun
    """The run."""
    problem: str
    """The version and the reason, in one sentence."""
    side: Side
    """The version."""

    @property
    def target_stop(self) -> Stop | None:
        """The end of a service of the version that ended the run; `None` if none did."""
        stop = self.run.result.stop
        return stop if stop is not None and stop.cause is StopCause.TARGET else None


OnRun = Callable[[PairRun], object]
"""Receives each run, also one that ended early."""


class Alternation:
    """Two versions of a stack that get the loads of some scenarios in turns. Use `open_versions`.

    Args:
        base: The first version.
        head: The second version.
        specs: The scenarios.
        listener: Receives the progress, and a note before each run.
        on_run: Receives each run.
    """

    def __init__(
        self, base: Arm, head: Arm, specs: Sequence[PairedSpec], listener: Listener, on_run: OnRun
    ) -> None:
        self._arms: Mapping[Side, Arm] = {"base": base, "head": head}
        self._listener = listener
        self._on_run = on_run
        self._limits: dict[tuple[str, Side], MachineLimits] = {}
        self._conflict = find_version_conflict(base.stack, head.stack, head.conditions, listener)
        for spec in specs:
            for side in _SIDE_OF.values():
                checked = check_before(spec.of(side), self._arms[side].conditions, listener)
                self._limits[spec.name, side] = checked
        self._first = specs[0]
        self._ids = {spec.name: new_run_id(spec.name) for spec in specs}
        self._counts = dict.fromkeys(self._ids, 0)
        self._calibrated: set[tuple[str, Side]] = set()
        self._open_services = ExitStack()
        self._services: list[SharedServices | None] = []
        self._open_stacks = ExitStack()
        self._stacks: dict[Side, StartedStack] = {}
        self._open_subjects = ExitStack()
        self._subjects: dict[tuple[str, Side], Subject] = {}
        if self._conflict is not None:
            listener.note(f"{self._conflict}, so only one of the versions is up at a time")

    def close(self) -> None:
        """Stop both stacks. The next run starts them again."""
        self._close_subjects()
        self._stacks.clear()
        self._open_stacks.close()
        self._services.clear()
        self._open_services.close()

    def _close_subjects(self) -> None:
        """Remove the fixtures and the test users of a scenario."""
        self._subjects.clear()
        self._open_subjects.close()

    def id_of(self, spec: PairedSpec) -> str:
        """Return the id of the comparison of a scenario, which is the name of its folder."""
        return self._ids[spec.name]

    def measure_pair(self, spec: PairedSpec, number: int) -> Pair | FailedPair:
        """Measure a scenario once on each version.

        Args:
            spec: The scenario.
            number: Number of the pair, from 1. The order of every second pair is reversed, so that no version
                gains from being first, or from a drift.

        Raises:
            TargetError: A stack did not start or refused the test users.
            MeasurementError: A load generator was lost before the load.
            KeyboardInterrupt: Ctrl-C ended a run.
        """
        runs: dict[Side, PairRun] = {}
        sides = [_SIDE_OF[letter] for letter in run_order(number)[-2:]]
        for side in sides:
            arm = self._arms[side]
            self._listener.note(f"{spec.name}, pair {number}: {arm.name}")
            following = self._arms[sides[1]].name if side == sides[0] else self._after_pair(number)
            with self._provide_subject(spec, side) as subject:
                run = self._measure(spec, side, subject, self._listen(number, arm, following))
            if run.problem is not None:
                if run.result.stop is not None:
                    self.close()  # a service may have ended
                return FailedPair(run, f"{arm.name}: {run.problem}", side)
            runs[side] = run
        return Pair(**runs)

    def _after_pair(self, number: int) -> str:
        """Return the step after a pair: the difference decides whether there is another one."""
        if len(self._ids) > 1:
            return "the next scenario without a verdict"
        return f"pair {number + 1} unless the difference is known"

    def _listen(self, number: int, arm: Arm, following: str) -> Listener:
        """Return the listener of a run of a pair."""
        return self._listener.followed_by(lambda _: following, f"pair {number}, {arm.name}")

    def _provide_subject(self, spec: PairedSpec, side: Side) -> AbstractContextManager[Subject]:
        """Provide the stack of a version: one that stays up, or one for this run if both cannot be up."""
        self._start_services()
        if self._conflict is not None:
            return self._start_for_one_run(spec, side)
        for started in _SIDE_OF.values():  # both are up before the first run, so that none starts during one
            if started not in self._stacks:
                with self._name(started):
                    self._stacks[started] = self._open_stacks.enter_context(self._start(spec, started))
        key = (spec.name, side)
        if key not in self._subjects:
            if all(name != spec.name for name, _ in self._subjects):
                self._close_subjects()  # two scenarios may need the same fixture
            with self._name(side):
                prepared = self._prepare(self._stacks[side], spec, side)
                self._subjects[key] = self._open_subjects.enter_context(prepared)
        return nullcontext(self._subjects[key])

    @contextmanager
    def _start_for_one_run(self, spec: PairedSpec, side: Side) -> Iterator[Subject]:
        with ExitStack() as stacks:
            with self._name(side):
                started = stacks.enter_context(self._start(spec, side))
                subject = stacks.enter_context(self._prepare(started, spec, side))
            yield subject

    def _name(self, side: Side) -> AbstractContextManager[None]:
        """Name the version in an error of its start or of its test users."""
        return blame_base(self._arms[side].name) if side == "base" else name_head(self._arms[side].name)

    def _start_services(self) -> None:
        """Start the services that both versions use, such as one Ollama, unless they are up."""
        if not self._services:
            base, head = [self._arms[side] for side in _SIDE_OF.values()]
            services = open_shared_services(
                base.stack, base.conditions, head.stack, head.conditions, self._listener
            )
            self._services.append(self._open_services.enter_context(services))

    def _start(self, spec: PairedSpec, side: Side) -> AbstractContextManager[StartedStack]:
        arm = self._arms[side]
        conditions = replace(arm.conditions, is_compared=True, shared_services=self._services[0])
        run_id = self._ids[self._first.name]
        logs = log_folder(arm.conditions, run_id)
        return provide_stack(
            spec.of(side),
            arm.stack,
            conditions,
            f"{run_id}-{side}",
            self._listener,
            logs=None if logs is None else logs / side,
        )

    def _prepare(
        self, started: StartedStack, spec: PairedSpec, side: Side
    ) -> AbstractContextManager[Subject]:
        arm = self._arms[side]
        return prepare_on(
            started,
            spec.of(side),
            arm.conditions,
            f"{self._ids[spec.name]}-{side}",
            self._listener,
            machine_limits=self._limits[spec.name, side],
        )

    def _measure(self, spec: PairedSpec, side: Side, subject: Subject, listener: Listener) -> PairRun:
        """Measure a version once, and pass on its result, also if the run ended early.

        Raises:
            KeyboardInterrupt: Ctrl-C ended the run.
        """
        arm = self._arms[side]
        run_spec = spec.of(side)
        self._counts[spec.name] += 1
        place = Path(self._ids[spec.name], RUNS, f"{self._counts[spec.name]:02}-{side}")
        # One calibration for each version is enough: the machine is the same.
        if (spec.name, side) in self._calibrated:
            subject = replace(subject, reference=None)
        start = make_start(run_spec, arm.stack, arm.conditions, subject, self._ids[spec.name])
        start = start.model_copy(update={"provenance": find_origin(arm, start.provenance)})
        with open_store(run_spec, start, arm.conditions, place) as store:
            stored = replace(subject, store=store)
            recording = record(run_spec, stored, listener.progress, arm.conditions.workers, listener.note)
        result = make_result(run_spec, recording, start.provenance, start.fingerprint, start.limits)
        run = PairRun(place, result, recording)
        self._on_run(run)
        if recording.is_interrupted:
            raise KeyboardInterrupt
        self._calibrated.add((spec.name, side))
        return run


@contextmanager
def open_versions(
    base: Arm,
    head: Arm,
    specs: Sequence[PairedSpec],
    listener: Listener,
    on_run: OnRun = lambda _: None,
) -> Iterator[Alternation]:
    """Provide two versions for measurements in turns. The block's end stops both stacks.

    Both stacks are up from the first run on, unless they need the same port or network of this machine. Then
    each run starts and stops its stack. The arguments are those of `Alternation`.

    Raises:
        ConfigError: The options do not fit a scenario.
        MeasurementError: The machine is too small for a scenario.
    """
    alternation = Alternation(base, head, specs, listener, on_run)
    try:
        yield alternation
    finally:
        alternation.close()


def join_runs(spec: RunSpec, stack: Stack, runs: Sequence[PairRun]) -> tuple[RunResult, Recording]:
    """Return all runs of a version as one run.

    Args:
        spec: The scenario of the version.
        stack: The stack of the version.
        runs: The runs, in their order, at least one.
    """
    phases = spec.scenario.phases
    joined = join_recordings([drop_warm_up(run.recording, phases) for run in runs])
    first = runs[0].result
    return make_result(spec, joined, first.provenance, first.fingerprint, stack.alerts), joined


def find_origin(arm: Arm, here: Provenance) -> Provenance:
    """Return the origin of a run of a version, whose files may be in another folder."""
    if arm.commit is not None:
        commit = {"commit": arm.commit, "dirty": False, "branch": None, **describe_commit(arm.commit)}
        return here.model_copy(update=commit | _NO_CHANGES)
    if arm.is_elsewhere:
        unknown = dict.fromkeys(("commit", "dirty", "branch", "subject", "author"))
        return here.model_copy(update=unknown | _NO_CHANGES)
    return here
