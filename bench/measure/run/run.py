"""One measurement: start the stack, add test users, run the load, remove the users, end the stack."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import RepeatedRequest, Stack, list_services
from bench.core.load.machine_limits import MachineLimits, find_risks, find_shortages
from bench.core.load.needs import needs_of
from bench.core.load.progress import step_before_load
from bench.core.load.rows import check_rows
from bench.core.tiers.attribution import remainder_tier
from bench.core.values.limited_names import OTHER
from bench.core.watch.host import GENERATORS, STACK
from bench.errors import ConfigError, MeasurementError
from bench.measure.calibration.reference import Reference, open_reference
from bench.measure.load.endpoint import check_url
from bench.measure.load.turn_file import import_turn
from bench.measure.machine.limits import read_limits
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.generators import LOCAL_URL, check_reach
from bench.measure.run.provenance import new_run_id
from bench.measure.run.recorder import record
from bench.measure.run.run_files import log_folder, make_start, open_store
from bench.measure.run.strays import remove_strays
from bench.measure.run.subject import Subject
from bench.measure.run.token_renewal import Tokens
from bench.measure.stacks.running_stack import RunningStack, find_urls, placeholder_values
from bench.measure.tiers.run_tiers import TierSources
from bench.measure.watch.watching import WatchedStack

if TYPE_CHECKING:
    from bench.core.run.recording import Recording
    from bench.core.run.result import RunResult
    from bench.core.run.run_start import RunStart
    from bench.measure.faults.fault_run import Injection
    from bench.measure.faults.relays import Relays
    from bench.measure.tiers.receiver import TraceReceiver


@dataclass(frozen=True, slots=True)
class StartedStack:
    """A stack that is up, and the receiver of its spans."""

    running: RunningStack
    """The services."""
    receiver: "TraceReceiver | None"
    """The receiver; `None` if the stack declares no OpenTelemetry."""
    relays: "Relays | None" = None
    """The relays for faults of the network; `None` if the scenario has none."""


def measure(
    spec: RunSpec, stack: Stack, conditions: Conditions, listener: Listener, place: Path | None = None
) -> "tuple[RunResult, Recording]":
    """Measure a scenario once.

    Args:
        spec: The scenario.
        stack: The stack to measure.
        conditions: Settings of the measurement.
        listener: Receives the events.
        place: Folder of the run, below that of all runs; `None` for the one that its id names.

    Returns:
        The result and its recording. If the run stopped early, `result.stop` contains the reason.

    Raises:
        ConfigError: The settings do not fit the stack.
        TargetError: The stack did not start or refused the test users.
        KeyboardInterrupt: Ctrl-C ended the run before its load.
    """
    run_id = new_run_id(spec.scenario.name)
    place = place or Path(run_id)
    logs = log_folder(conditions, str(place))
    start: RunStart | None = None
    recording: Recording | None = None
    try:
        with prepare(spec, stack, conditions, run_id, listener, logs=logs) as subject:
            start = make_start(spec, stack, conditions, subject, run_id)
            with open_store(spec, start, conditions, place) as store:
                stored = replace(subject, store=store)
                recording = record(spec, stored, listener.progress, conditions.workers, listener.note)
    except KeyboardInterrupt:
        if start is None or recording is None:
            raise
        recording = replace(recording, is_interrupted=True)  # while the stack stopped
    # The summary needs modules that no part of the load uses.
    from bench.core.run.result import make_result  # noqa: PLC0415 - see above

    return make_result(spec, recording, start.provenance, start.fingerprint, start.limits), recording


@contextmanager
def prepare(  # noqa: PLR0913 - the first five are the run
    spec: RunSpec,
    stack: Stack,
    conditions: Conditions,
    run_id: str,
    listener: Listener,
    *,
    logs: Path | None = None,
) -> Iterator[Subject]:
    """Start a stack with its fixtures and test users; the block's end removes all of them.

    Args:
        spec: The scenario.
        stack: The stack to start.
        conditions: Settings of the measurement.
        run_id: Id of the run, for the names of test users.
        listener: Receives notes and warnings.
        logs: Folder that gets the logs of the services; `None` to keep no log.

    Raises:
        ConfigError: The settings do not fit the stack.
        TargetError: The stack did not start or refused the test users.
    """
    machine_limits = check_before(spec, conditions, listener)
    with (
        provide_stack(spec, stack, conditions, run_id, listener, logs=logs) as started,
        prepare_on(started, spec, conditions, run_id, listener, machine_limits=machine_limits) as subject,
    ):
        yield subject


def check_before(spec: RunSpec, conditions: Conditions, listener: Listener) -> MachineLimits:
    """Check a run before its stack starts, and return the limits of this machine.

    Raises:
        ConfigError: The scenario's rows or its turn are wrong, or load generators cannot reach the stack.
        MeasurementError: The plan certainly exceeds a limit.
    """
    remove_strays()
    check_rows(spec)
    for part in spec.parts:
        if part.turn is not None:
            import_turn(part.turn)
    if conditions.cluster is not None:  # a stack that this run starts listens on loopback
        check_reach(conditions.cluster, conditions.urls.values() or [LOCAL_URL])
    return _check_limits(spec, conditions, listener)


@contextmanager
def provide_stack(  # noqa: PLR0913 - the first five are the run
    spec: RunSpec,
    stack: Stack,
    conditions: Conditions,
    run_id: str,
    listener: Listener,
    *,
    logs: Path | None = None,
) -> Iterator[StartedStack]:
    """Start a stack, or find the one that is up; the block's end stops what was started.

    The arguments and errors are those of `prepare`.
    """
    with (
        _open_receiver(stack, conditions, run_id) as receiver,
        _open_relays(spec, stack) as relays,
        _provide_stack(spec, stack, _tell(conditions, receiver, relays), listener, logs) as running,
    ):
        yield StartedStack(running, receiver, relays)


@contextmanager
def prepare_on(  # noqa: PLR0913 - the first five are the run
    started: StartedStack,
    spec: RunSpec,
    conditions: Conditions,
    run_id: str,
    listener: Listener,
    *,
    machine_limits: MachineLimits,
) -> Iterator[Subject]:
    """Add the fixtures and the test users of a scenario to a stack; the block's end removes them.

    The arguments and errors are those of `prepare`.
    """
    running = started.running
    injection = _inject(spec, started)
    generator_cores = conditions.cores[0] if conditions.cores else ()
    with (
        _provide_users(spec, running, run_id, listener) as tokens,
        _open_reference(running, conditions) as reference,
    ):
        warnings = () if conditions.is_ready else _wait_for_targets(spec, running, tokens, listener)
        yield Subject(
            [running.url(target.service) for target in spec.targets],
            tokens,
            running.pids,
            running.find_dead_service,
            reference,
            _reference_request(running),
            _tier_sources(spec, running, started.receiver),
            conditions.route,
            cores={GENERATORS: generator_cores, STACK: running.cores} if running.cores else {},
            watched=WatchedStack(running, None if tokens is None else partial(tokens.mint, 0), scales=True),
            # Recording spans is work, so only runs that do it are comparable with each other.
            parts={
                **running.parts,
                **({"spans": "recorded"} if started.receiver else {}),
                **({"load generators": f"{conditions.workers} of a cluster"} if conditions.cluster else {}),
            },
            warnings=warnings,
            machine_limits=machine_limits,
            services={target.service: running.url(target.service) for target in spec.interfaces},
            injection=injection,
            cluster=conditions.cluster,
        )


def _open_receiver(
    stack: Stack, conditions: Conditions, run_id: str
) -> AbstractContextManager["TraceReceiver | None"]:
    """Receive spans, if the stack declares OpenTelemetry."""
    otlp = stack.tiers.otlp
    if otlp is None:
        return nullcontext()
    # The server takes a tenth of a second to import, so only runs with spans pay for it.
    from bench.measure.persistent.persistent import is_up  # noqa: PLC0415 - see above
    from bench.measure.tiers.receiver import open_receiver  # noqa: PLC0415 - see above

    was_started_before = stack.is_external or (conditions.shared and is_up(stack))
    return open_receiver(otlp, run_id, is_fixed=was_started_before)


def _tell(conditions: Conditions, receiver: "TraceReceiver | None", relays: "Relays | None") -> Conditions:
    """Return the conditions with the address of the receiver and the relays, for the services."""
    if receiver is not None:
        conditions = replace(conditions, otlp_url=receiver.url)
    return conditions if relays is None else replace(conditions, reroute=relays.reroute)


def _open_relays(spec: RunSpec, stack: Stack) -> AbstractContextManager["Relays | None"]:
    """Provide relays for the faults of the network, if the scenario has any.

    Raises:
        ConfigError: The stack cannot have one of the faults.
    """
    if not spec.scenario.faults:
        return nullcontext()
    # Only scenarios with faults need this code.
    from bench.measure.faults.inject import open_relays_of  # noqa: PLC0415 - see above

    return open_relays_of(spec.scenario.faults, stack)


def _inject(spec: RunSpec, started: StartedStack) -> "Injection | None":
    """Return the faults to inject into a stack that is up.

    Raises:
        ConfigError: Another command started the stack.
    """
    if not spec.scenario.faults:
        return None
    from bench.measure.faults.inject import make_injection  # noqa: PLC0415 - likewise

    return make_injection(spec.scenario.faults, started.running, started.relays)


def _tier_sources(spec: RunSpec, running: RunningStack, receiver: "TraceReceiver | None") -> TierSources:
    stack = running.stack
    services = {*list_services(stack), *running.urls}
    otlp = stack.tiers.otlp
    if otlp is not None:
        services.add(OTHER)  # spans name the services behind the target's
    return TierSources(
        urls=running.urls,
        target_service=spec.target.service,
        remainder=remainder_tier(spec.target, services),
        receiver=receiver,
        last_batch_s=otlp.last_batch_s if otlp else 0.0,
        is_foreign=stack.is_external,
        histograms=stack.tiers.histograms,
        layers=stack.layers,
    )


def _check_limits(spec: RunSpec, conditions: Conditions, listener: Listener) -> MachineLimits:
    """Return the limits of this machine.

    Raises:
        MeasurementError: The plan certainly exceeds one of them.
    """
    urls = []
    for number, target in enumerate(spec.interfaces, 1):
        # Each service of a stack on this machine has an address of its own.
        urls.append(conditions.urls.get(target.service, f"http://127.0.0.1:{number}"))
    if conditions.cluster is not None:
        return MachineLimits()  # those of this machine limit no load generator
    needs = needs_of(spec, conditions.workers)
    machine_limits = read_limits(urls)
    for shortage in find_shortages(needs, machine_limits):
        raise MeasurementError(shortage)
    for risk in find_risks(needs, machine_limits):
        listener.warning(f"this run may fail: {risk}")
    return machine_limits


def _wait_for_targets(
    spec: RunSpec, running: RunningStack, tokens: Tokens | None, listener: Listener
) -> tuple[str, ...]:
    """Wait until each target answers, with a token if it needs one. Return warnings about their clocks."""
    # An address that has just answered needs no check, and no import of httpx for it.
    from bench.measure.run.target_ready import wait_for_targets  # noqa: PLC0415 - see above

    listener.progress(step_before_load("health checks", "load"))
    return wait_for_targets(spec, running, tokens, listener.note)


@contextmanager
def _provide_stack(
    spec: RunSpec, stack: Stack, conditions: Conditions, listener: Listener, logs: Path | None
) -> Iterator[RunningStack]:
    """Provide a stack that runs elsewhere, that is already up, or that is started for this run."""
    if stack.is_external:
        yield _find_external(spec, stack, conditions)
        return
    if conditions.urls:
        raise ConfigError(f"--url: stack '{stack.name}' runs on this machine", "--stack external")
    # A stack that runs elsewhere needs no code that starts processes and containers.
    from bench.measure.run.local_stack import provide_local  # noqa: PLC0415 - see above

    with provide_local(stack, conditions, listener, logs) as running:
        yield running


def _find_external(spec: RunSpec, stack: Stack, conditions: Conditions) -> RunningStack:
    urls = find_urls(stack, conditions.urls)
    for address in urls.values():
        check_url(address)
    secret = None
    if _needs_token(spec):
        from bench.measure.users.auth import jwt_secret  # noqa: PLC0415 - as for the users

        secret = jwt_secret(os.environ, generate=False)
    return RunningStack(stack, placeholder_values(secret), urls, route=conditions.route)


def _reference_request(running: RunningStack) -> tuple[RepeatedRequest, str] | None:
    """Return the stack's own reference request and its address; `None` if it has none or no known address."""
    request = running.stack.reference_workload
    if request is None or request.target.service not in running.urls:
        return None
    return request, running.urls[request.target.service]


def _open_reference(
    running: RunningStack, conditions: Conditions
) -> AbstractContextManager[Reference | None]:
    """Provide the reference server, on the cores of the stack.

    A load on a stack that is already up begins at once, so the calibration follows it.
    """
    if not conditions.calibrated:
        return nullcontext()
    cores = conditions.cores[1] if conditions.cores else ()
    return open_reference(cores, precedes_load=running.is_own)


def _provide_users(
    spec: RunSpec, running: RunningStack, run_id: str, listener: Listener
) -> AbstractContextManager[Tokens | None]:
    """Create the fixtures and the test users that the scenario needs."""
    # Without a token no user is needed, so the store need not exist.
    count = spec.scenario.accounts if _needs_token(spec) else 0
    if not count and not spec.scenario.fixtures:
        return nullcontext()
    # Tokens need the packages of cryptography, which take a tenth of a second to import.
    from bench.measure.run.run_users import provide_users  # noqa: PLC0415 - see above

    return provide_users(running, spec.scenario.fixtures, count, run_id, listener.warning)


def _needs_token(spec: RunSpec) -> bool:
    return any(target.auth == "bearer" for target in spec.interfaces)
