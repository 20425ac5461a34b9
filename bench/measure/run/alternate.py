"""Measures two versions in turns on one machine, `ABBA ABBA…`, never both at once."""

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
from bench.measure.run.recorder import record
from bench.measure.run.run import Conditions, Listener, prepared


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the two versions.

    Attributes:
        name: As the user named it.
        stack: Its services, or where they are.
        conditions: How it is measured.
        commit: Of its files; None when they are those of this folder, or nobody knows.
    """

    name: str
    stack: Stack
    conditions: Conditions
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """The runs of one version in their order, and all of them as one."""

    runs: tuple[RunResult, ...]
    whole: RunResult
    recording: Recording


def alternate(
    spec: RunSpec, base: Arm, head: Arm, pairs: int, listener: Listener
) -> tuple[Measured, Measured]:
    """Measure a scenario on both, as many times as there are pairs.

    Args:
        spec: What to do.
        base: The one.
        head: The other.
        pairs: How many runs of each.
        listener: Who is told, also of whose turn it is.

    Raises:
        ConfigError: One of them cannot be used like that.
        TargetError: One of them did not start, or refused the test users.
        MeasurementError: A run ended early, so that its pair is none.
        KeyboardInterrupt: By Ctrl-C.
    """
    arms, run_id = {"A": base, "B": head}, new_run_id(spec.scenario.name)
    recordings: dict[str, list[Recording]] = {name: [] for name in arms}
    with ExitStack() as both:
        subjects = {
            name: both.enter_context(
                prepared(spec, arm.stack, arm.conditions, f"{run_id}-{name.lower()}", listener)
            )
            for name, arm in arms.items()
        }
        turns = run_order(pairs)
        for number, name in enumerate(turns):
            listener.note(f"{arms[name].name}, run {number + 1} of {len(turns)}")
            first = len(recordings[name]) == 0
            # Once for each is enough: the machine is the same.
            subject = subjects[name] if first else replace(subjects[name], reference_url=None)
            recording = record(spec, subject, listener.progress, arms[name].conditions.workers)
            _check_whole(arms[name], recording)
            recordings[name].append(recording)
    base_runs, head_runs = (
        _made(spec, arms[name], run_id, recordings[name], subjects[name].parts) for name in arms
    )
    return base_runs, head_runs


def _check_whole(arm: Arm, recording: Recording) -> None:
    stop = recording.stop
    if stop is not None and stop.cause is StopCause.INTERRUPT:
        raise KeyboardInterrupt
    if stop is not None:
        raise MeasurementError(f"{arm.name}: {stop.reason}; a comparison needs whole runs", "try again")


def _made(
    spec: RunSpec, arm: Arm, run_id: str, recordings: list[Recording], parts: Mapping[str, str]
) -> Measured:
    made = provenance(run_id, dict(arm.conditions.injections))
    if arm.commit is not None:
        made = made.model_copy(update={"commit": arm.commit, "dirty": False})
    where = fingerprint(spec, arm.stack, arm.conditions.urls, parts)
    phases = spec.scenario.phases
    limits = arm.stack.alerts
    runs = [make_result(spec, each, made, where, limits) for each in recordings]
    whole = join_recordings([drop_warm_up(each, phases) for each in recordings])
    return Measured(runs=tuple(runs), whole=make_result(spec, whole, made, where, limits), recording=whole)
