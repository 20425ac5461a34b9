"""Run a scenario and store the result."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from bench.core.config.load_words import in_words
from bench.core.config.quick_load import (
    is_address,
)
from bench.core.samples.sample import Stop, StopCause
from bench.core.values import wording
from bench.errors import MeasurementError, StoreError, TargetError
from bench.measure.machine.signals import finish_first
from bench.measure.run.conditions import Listener
from bench.measure.run.run import measure
from bench.store.folders import RESULTS
from bench.usecases.interruption import describe_stored, explain_interrupt
from bench.usecases.options import QUIET, RunOptions
from bench.usecases.plan_run import plan_address, plan_scenario
from bench.usecases.unfinished import mention_unfinished

if TYPE_CHECKING:
    from bench.core.run.result import RunResult
    from bench.store.results import MisplacedRunError


_COMPLETE = "the complete run is"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A measured run and the folder of its files."""

    result: "RunResult"
    """The result."""
    folder: Path
    """The run's folder, which has the recording and the requests."""
    problem: StoreError | None = None
    """The error if the folder is not the one that was asked for, or if the run could not be stored."""
    is_interrupted: bool = False
    """Whether Ctrl-C was pressed after the load, which was complete."""


def run(scenario: str, *, listener: Listener = QUIET, **options: Unpack[RunOptions]) -> StoredRun:
    """Run a scenario, store the result and return it.

    Args:
        scenario: Name of a scenario, the path of its file, or the address of a service.
        listener: Receives progress, notes and warnings.
        options: See `RunOptions`.

    Raises:
        ConfigError: The scenario, the stack or an option is wrong.
        MeasurementError: A load generator was lost, or the machine is too small for the plan. Requests before
            that are stored.
        TargetError: The stack did not start or stopped during the run, or the interface at an address was not
            recognised. Requests before that are stored.
        KeyboardInterrupt: Ctrl-C ended the run. Requests are stored; the message names the folder.
    """
    stored, _ = measure_and_store(scenario, listener.followed_by(lambda _: "results"), options)
    return stored


def measure_and_store(
    scenario: str, listener: Listener, options: RunOptions
) -> "tuple[StoredRun, MisplacedRunError | None]":
    """Run a scenario and store the result; return the run, and the error if its folder is not writable.

    Raises:
        BenchError: As for `run`, except for an error of the folder.
        KeyboardInterrupt: As for `run`.
    """
    stored, problem = measure_to_end(scenario, listener, options)
    check_stop(stored.result, stored.folder)
    if stored.is_interrupted:
        raise KeyboardInterrupt(describe_stored(_COMPLETE, stored.folder, problem=problem))
    return stored, problem


def measure_to_end(
    scenario: str, listener: Listener, options: RunOptions
) -> "tuple[StoredRun, MisplacedRunError | None]":
    """Do the same, and return also a run that the stack or a load generator ended early.

    Raises:
        BenchError: As for `run`, if the load did not begin.
        KeyboardInterrupt: As for `run`.
    """
    folder = Path(options.get("results", RESULTS))
    with explain_interrupt(folder):
        return _measure_to_end(scenario, listener, options, folder)


def _measure_to_end(
    scenario: str, listener: Listener, options: RunOptions, folder: Path
) -> "tuple[StoredRun, MisplacedRunError | None]":
    mention_unfinished(folder, listener)
    plan = (
        plan_address(scenario, options, listener)
        if is_address(scenario)
        else plan_scenario(scenario, options)
    )
    if plan.spec.scenario.capacity is not None:
        from bench.usecases.capacity import measure_search  # noqa: PLC0415 - other runs do not need it

        return measure_search(plan, folder, listener)
    load = in_words(plan.spec.scenario.phases)
    name = plan.spec.scenario.name
    listener.note(f"{name} on {plan.stack.name}: {load}; Ctrl-C ends the run and keeps its requests")
    result, recording = measure(plan.spec, plan.stack, plan.conditions, listener)
    # What follows the load is imported after it.
    from bench.store import results  # noqa: PLC0415 - see above

    home = folder / result.provenance.run_id
    problem: MisplacedRunError | None = None
    with finish_first(lambda: describe_stored(_COMPLETE, home, problem=problem)):
        home, problem = results.save_anywhere(result, recording, folder)
    if result.stop is not None and result.stop.cause is StopCause.INTERRUPT:
        if problem is not None:
            raise KeyboardInterrupt(describe_stored("the requests so far are", home, problem=problem))
        check_stop(result, home)
    return StoredRun(result, home, problem, recording.is_interrupted), problem


def stop_error(message: str, stop: Stop) -> TargetError:
    """Return the error of a run that a service of the stack ended, with the end of the service's log."""
    lines = "".join(f"\n  {line}" for line in stop.log)
    ending = f"; the end of its log:{lines}" if lines else ""
    return TargetError(f"{message}{ending}", "the run cannot be judged; read the log of the service")


def _describe_answer(result: "RunResult") -> str:
    """Return the answer of a capacity search so far; empty for other runs."""
    if result.capacity is None:
        return ""
    from bench.core.report.capacity_progress import describe_so_far  # noqa: PLC0415 - only searches need it

    return f"{describe_so_far(result.capacity)}; "


def check_stop(result: "RunResult", folder: Path) -> None:
    """Check that a run did not end early.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it.
        MeasurementError: A load generator was lost.
        TargetError: A service of the stack ended.
    """
    if result.stop is None:
        return
    requests = wording.counted(result.summary.requests, "request")
    verb = "is" if result.summary.requests == 1 else "are"
    kept = f"{_describe_answer(result)}{requests} {verb} kept in {folder}"
    if result.stop.cause is StopCause.INTERRUPT:
        raise KeyboardInterrupt(f"interrupted; {kept}\nnext: bench report {folder}")
    if result.stop.cause is StopCause.TARGET:
        raise stop_error(f"{result.stop.reason}; {kept}", result.stop)
    if result.stop.cause is StopCause.GENERATOR:
        raise MeasurementError(f"{result.stop.reason}; {kept}", "the run cannot be judged; measure again")
