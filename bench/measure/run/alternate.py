"""Measure two versions alternately on one machine, in the order `ABBA ABBA…`, never both at once."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Stack, fixed_ports
from bench.core.run.origin import Provenance
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult, make_result
from bench.core.run.run_start import RUNS
from bench.core.run.warm_up import drop_warm_up
from bench.core.samples.sample import StopCause
from bench.core.verdict.ab import join_recordings, run_order
from bench.errors import MeasurementError
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.provenance import fingerprint, new_run_id, provenance
from bench.measure.run.recorder import Subject, record
from bench.measure.run.run import log_folder, make_start, open_store, prepare

# Names of the folders, by arm.
_FOLDERS = {"A": "base", "B": "head"}


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the two versions."""

    name: str
    """Its name on the command line."""
    spec: RunSpec
    """The scenario, with the limits, services and variables of this version."""
    stack: Stack
    conditions: Conditions
    commit: str | None = None
    """The commit of its files; `None` for the current folder, or if it is unknown."""
    is_elsewhere: bool = False
    """Whether its files are in another folder, whose commit is unknown."""


@dataclass(frozen=True, slots=True)
class ArmRuns:
    """The runs of one version."""

    runs: tuple[RunResult, ...]
    """The runs in their order."""
    combined: RunResult
    """All runs as one."""
    recording: Recording
    """The requests of all runs."""


@dataclass(frozen=True, slots=True)
class RunPlace:
    """One of the alternating runs."""

    run_id: str
    """Id of the comparison."""
    number: int
    """Number of the run, from 1."""
    version: str
    """`base` or `head`."""

    @property
    def folder(self) -> Path:
        """Its folder, below that of all runs."""
        return Path(self.run_id, RUNS, f"{self.number:02}-{self.version}")


def alternate(
    base: Arm,
    head: Arm,
    pairs: int,
    listener: Listener,
    on_run: Callable[[RunPlace, RunResult, Recording], object] = lambda *_: None,
) -> tuple[ArmRuns, ArmRuns]:
    """Measure a scenario on two versions, once each per pair.

    Both stacks are up all the time, unless they need the same port. Then each run starts and stops its stack.

    Args:
        base: The first version.
        head: The second version.
        pairs: Number of runs of each version.
        listener: Receives the progress, and a note before each run.
        on_run: Receives each run, also one that ended early.

    Raises:
        ConfigError: The options do not fit a stack.
        TargetError: A stack did not start or refused the test users.
        MeasurementError: A run ended early, so its pair is incomplete.
        KeyboardInterrupt: Ctrl-C ended a run.
    """
    arms = {"A": base, "B": head}
    run_id = new_run_id(base.spec.scenario.name)
    recordings: dict[str, list[Recording]] = {"A": [], "B": []}
    parts: dict[str, Mapping[str, str]] = {}
    if ports := fixed_ports(base.stack) & fixed_ports(head.stack):
        listener.note(f"both versions use port {min(ports)}, so only one of them is up at a time")

    def start(name: str) -> AbstractContextManager[Subject]:
        logs = log_folder(arms[name].conditions, run_id)
        return prepare(
            arms[name].spec,
            arms[name].stack,
            arms[name].conditions,
            f"{run_id}-{name.lower()}",
            listener,
            logs=None if logs is None else logs / _FOLDERS[name],
        )

    with ExitStack() as started:
        subjects: dict[str, Subject] = {}
        if not ports:
            subjects = {name: started.enter_context(start(name)) for name in arms}
        arm_names = run_order(pairs)
        for number, name in enumerate(arm_names):
            listener.note(f"{arms[name].name}, run {number + 1} of {len(arm_names)}")
            with nullcontext(subjects[name]) if name in subjects else start(name) as subject:
                parts[name] = subject.parts
                # One calibration for each version is enough: the machine is the same.
                measured = replace(subject, reference=None) if recordings[name] else subject
                place = RunPlace(run_id, number + 1, _FOLDERS[name])
                recording = _record(arms[name], measured, place, listener, on_run)
            _check_complete(arms[name], recording)
            recordings[name].append(recording)
    base_runs = _make_results(base, run_id, recordings["A"], parts["A"])
    return base_runs, _make_results(head, run_id, recordings["B"], parts["B"])


def _record(
    arm: Arm,
    subject: Subject,
    place: RunPlace,
    listener: Listener,
    on_run: Callable[[RunPlace, RunResult, Recording], object],
) -> Recording:
    """Measure a version once, and pass on its result, also if the run ended early."""
    conditions = arm.conditions
    start = make_start(arm.spec, arm.stack, conditions, subject, place.run_id)
    start = start.model_copy(update={"provenance": _origin(arm, start.provenance)})
    with open_store(arm.spec, start, conditions, place.folder) as store:
        stored = replace(subject, store=store)
        recording = record(arm.spec, stored, listener.progress, conditions.workers, listener.note)
    result = make_result(arm.spec, recording, start.provenance, start.fingerprint, start.limits)
    on_run(place, result, recording)
    return recording


def _check_complete(arm: Arm, recording: Recording) -> None:
    stop = recording.stop
    if stop is None:
        return
    if stop.cause is StopCause.INTERRUPT:
        raise KeyboardInterrupt
    raise MeasurementError(f"{arm.name}: {stop.reason}; a comparison needs complete runs", "try again")


def _make_results(arm: Arm, run_id: str, recordings: list[Recording], parts: Mapping[str, str]) -> ArmRuns:
    """Return the result of each run of a version, and of all runs as one."""
    origin = _origin(arm, provenance(run_id, dict(arm.conditions.injections)))
    spec = arm.spec
    environment = fingerprint(spec, arm.stack, arm.conditions.urls, parts)
    phases = spec.scenario.phases
    limits = arm.stack.alerts
    runs = [make_result(spec, recording, origin, environment, limits) for recording in recordings]
    combined = join_recordings([drop_warm_up(recording, phases) for recording in recordings])
    return ArmRuns(
        runs=tuple(runs),
        combined=make_result(spec, combined, origin, environment, limits),
        recording=combined,
    )


def _origin(arm: Arm, here: Provenance) -> Provenance:
    """Return the origin of a run of a version, whose files may be in another folder."""
    if arm.commit is not None:
        return here.model_copy(update={"commit": arm.commit, "dirty": False})
    if arm.is_elsewhere:
        return here.model_copy(update={"commit": None, "dirty": None})
    return here
