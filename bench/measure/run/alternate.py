"""Measure two versions alternately on one machine, in the order `ABBA ABBA…`, never both at once."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Stack
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult, make_result
from bench.core.run.warm_up import drop_warm_up
from bench.core.samples.sample import StopCause
from bench.core.verdict.ab import join_recordings, run_order
from bench.errors import MeasurementError
from bench.measure.run.provenance import fingerprint, new_run_id, provenance
from bench.measure.run.recorder import Subject, record
from bench.measure.run.run import Conditions, Listener, prepare


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the two versions."""

    name: str
    """Its name on the command line."""
    stack: Stack
    conditions: Conditions
    commit: str | None = None
    """The commit of its files; `None` for the current folder, or if it is unknown."""


@dataclass(frozen=True, slots=True)
class ArmRuns:
    """The runs of one version."""

    runs: tuple[RunResult, ...]
    """The runs in their order."""
    combined: RunResult
    """All runs as one."""
    recording: Recording
    """The requests of all runs."""


def alternate(spec: RunSpec, base: Arm, head: Arm, pairs: int, listener: Listener) -> tuple[ArmRuns, ArmRuns]:
    """Measure a scenario on two versions, once each per pair.

    Args:
        spec: The scenario.
        base: The first version.
        head: The second version.
        pairs: Number of runs of each version.
        listener: Receives the progress, and a note before each run.

    Raises:
        ConfigError: The options do not fit a stack.
        TargetError: A stack did not start or refused the test users.
        MeasurementError: A run ended early, so its pair is incomplete.
        KeyboardInterrupt: Ctrl-C ended a run.
    """
    arms = {"A": base, "B": head}
    run_id = new_run_id(spec.scenario.name)
    recordings: dict[str, list[Recording]] = {name: [] for name in arms}
    with ExitStack() as started:
        subjects: dict[str, Subject] = {}
        for name, arm in arms.items():
            prepared = prepare(spec, arm.stack, arm.conditions, f"{run_id}-{name.lower()}", listener)
            subjects[name] = started.enter_context(prepared)
        arm_names = run_order(pairs)
        for number, name in enumerate(arm_names):
            listener.note(f"{arms[name].name}, run {number + 1} of {len(arm_names)}")
            subject = subjects[name]
            if recordings[name]:
                # One calibration for each version is enough: the machine is the same.
                subject = replace(subject, reference_url=None)
            recording = record(spec, subject, listener.progress, arms[name].conditions.workers)
            _check_complete(arms[name], recording)
            recordings[name].append(recording)
    base_runs = _make_results(spec, base, run_id, recordings["A"], subjects["A"].parts)
    head_runs = _make_results(spec, head, run_id, recordings["B"], subjects["B"].parts)
    return base_runs, head_runs


def _check_complete(arm: Arm, recording: Recording) -> None:
    stop = recording.stop
    if stop is None:
        return
    if stop.cause is StopCause.INTERRUPT:
        raise KeyboardInterrupt
    raise MeasurementError(f"{arm.name}: {stop.reason}; a comparison needs complete runs", "try again")


def _make_results(
    spec: RunSpec, arm: Arm, run_id: str, recordings: list[Recording], parts: Mapping[str, str]
) -> ArmRuns:
    """Return the result of each run of a version, and of all runs as one."""
    origin = provenance(run_id, dict(arm.conditions.injections))
    if arm.commit is not None:
        origin = origin.model_copy(update={"commit": arm.commit, "dirty": False})
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
