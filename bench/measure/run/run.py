"""One measurement: start the stack, add test users, run the load, remove the users, end the stack."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import RepeatedRequest, Stack, find_declared_ready, list_services
from bench.core.config.target import Target
from bench.core.config.template import is_dynamic
from bench.core.load.capacity import Capacity, find_risks, find_shortages
from bench.core.load.needs import needs_of
from bench.core.load.progress import Progress
from bench.core.load.rows import check_rows
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult, make_result
from bench.core.tiers.attribution import remainder_tier
from bench.core.values.limited_names import OTHER
from bench.core.watch.host import GENERATORS, STACK, Cores
from bench.core.watch.readiness import ReadyCondition
from bench.errors import ConfigError, MeasurementError
from bench.measure.calibration.calibrate import REFERENCE
from bench.measure.http.route import DIRECT, Route
from bench.measure.load.endpoint import check_url, expand_headers, expand_path
from bench.measure.load.turn_file import import_turn
from bench.measure.machine.capacity import read_capacity
from bench.measure.persistent.persistent import attach, is_up
from bench.measure.run.provenance import fingerprint, new_run_id, provenance
from bench.measure.run.recorder import Subject, record
from bench.measure.run.strays import remove_strays
from bench.measure.run.token_renewal import Tokens
from bench.measure.stacks.compose import run_containers
from bench.measure.stacks.health import wait_until_ready
from bench.measure.stacks.processes import run_processes
from bench.measure.stacks.running_stack import RunningStack, find_urls, placeholder_values
from bench.measure.stacks.start_options import StartOptions
from bench.measure.tiers.run_tiers import TierSources
from bench.measure.users.auth import Account, jwt_secret, mint, require_users
from bench.measure.users.provisioning import provision_fixtures, provision_users
from bench.measure.watch.watching import WatchedStack

if TYPE_CHECKING:
    from bench.measure.tiers.receiver import TraceReceiver

READY_TIMEOUT_S = 60.0


def _ignore(event: object) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Functions that a measurement calls while it runs. A function that is left out does nothing."""

    progress: Callable[[Progress], None] = _ignore
    """Receives the progress of a run about twice a second."""
    note: Callable[[str], None] = _ignore
    """Receives one line about the next step."""
    warning: Callable[[str], None] = _ignore
    """Receives one line about a problem that does not end the run."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Settings of a measurement that are not part of its scenario."""

    urls: Mapping[str, str] = field(default_factory=dict)
    """Addresses by service, for a stack that runs elsewhere."""
    injections: Mapping[str, float] = field(default_factory=dict)
    """Values of knobs that slow the stack down, by knob."""
    workers: int = 1
    """Number of load generator processes."""
    route: Route = DIRECT
    """The way to the stack."""
    tree: Path | None = None
    """Folder with the files of the services, for another version; `None` for the current folder."""
    state: Path | None = None
    """Folder for files that the services write; `None` for a new one."""
    results: Path | None = None
    """Folder of the stored runs, which gets the logs of the services; `None` to keep no log."""
    shared: bool = True
    """Use a stack that is already up."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables that replace those of the caller's environment: in the compose file, or in each service."""
    otlp_url: str | None = None
    """Address that receives the spans of the services; `None` without a receiver."""
    calibrated: bool = True
    """Calibrate before and after the load."""
    cores: tuple[Cores, Cores] | None = None
    """Cores of the load generators, and of a stack that this run starts; `None` for all."""
    is_ready: bool = False
    """Whether the target has answered just now, so that the run does not wait for it."""


def measure(
    spec: RunSpec, stack: Stack, conditions: Conditions, listener: Listener
) -> tuple[RunResult, Recording]:
    """Measure a scenario once.

    Args:
        spec: The scenario.
        stack: The stack to measure.
        conditions: Settings of the measurement.
        listener: Receives the events.

    Returns:
        The result and its recording. If the run stopped early, `result.stop` contains the reason.

    Raises:
        ConfigError: The settings do not fit the stack.
        TargetError: The stack did not start or refused the test users.
    """
    run_id = new_run_id(spec.scenario.name)
    logs = log_folder(conditions, run_id)
    with prepare(spec, stack, conditions, run_id, listener, logs=logs) as subject:
        origin = provenance(run_id, dict(conditions.injections))
        recording = record(spec, subject, listener.progress, conditions.workers, listener.note)
    environment = fingerprint(spec, stack, conditions.urls, subject.parts)
    return make_result(spec, recording, origin, environment, stack.alerts), recording


def log_folder(conditions: Conditions, run_id: str) -> Path | None:
    """Return the folder for the logs of a run; `None` if they are not kept."""
    if conditions.results is None:
        return None
    try:
        conditions.results.mkdir(parents=True, exist_ok=True)
    except OSError:  # a folder that is not writable loses no run: its result is stored elsewhere
        return None
    return conditions.results / run_id / "logs"


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
    remove_strays()
    check_rows(spec)
    for part in spec.parts:
        if part.turn is not None:
            import_turn(part.turn)  # an error ends the run before the stack starts
    capacity = _check_capacity(spec, conditions, listener)
    generator_cores, stack_cores = conditions.cores or ((), ())
    needs_token = _needs_token(spec)
    # Without a token no user is needed, so the store need not exist.
    user_count = spec.scenario.accounts if needs_token else 0
    with (
        _open_receiver(stack, conditions, run_id) as receiver,
        _provide_stack(spec, stack, _tell(conditions, receiver), listener, logs) as running,
        provision_fixtures(stack, running.values, spec.scenario.fixtures, listener.warning),
        provision_users(stack, running.values, user_count, run_id, listener.warning) as users,
        _start_reference(stack_cores) if conditions.calibrated else nullcontext() as reference,
    ):
        tokens = _make_tokens(running, users) if needs_token else None
        warnings = () if conditions.is_ready else _wait_for_targets(spec, running, tokens, listener)
        yield Subject(
            [running.url(target.service) for target in spec.targets],
            tokens,
            running.pids,
            running.find_dead_service,
            reference.url(REFERENCE.name) if reference is not None else None,
            _reference_request(running),
            _tier_sources(spec, running, receiver),
            conditions.route,
            cores={GENERATORS: generator_cores, STACK: running.cores} if running.cores else {},
            watched=WatchedStack(running, _check_token(running, users)),
            # Recording spans is work, so only runs that do it are comparable with each other.
            parts={**running.parts, **({"spans": "recorded"} if receiver else {})},
            warnings=warnings,
            capacity=capacity,
            services={target.service: running.url(target.service) for target in spec.interfaces},
        )


def _open_receiver(
    stack: Stack, conditions: Conditions, run_id: str
) -> AbstractContextManager["TraceReceiver | None"]:
    """Receive spans, if the stack declares OpenTelemetry."""
    otlp = stack.tiers.otlp
    if otlp is None:
        return nullcontext()
    # The server takes a tenth of a second to import, so only runs with spans pay for it.
    from bench.measure.tiers.receiver import open_receiver  # noqa: PLC0415 - see above

    was_started_before = stack.is_external or (conditions.shared and is_up(stack))
    return open_receiver(otlp, run_id, is_fixed=was_started_before)


def _tell(conditions: Conditions, receiver: "TraceReceiver | None") -> Conditions:
    """Return the conditions with the address of the receiver, for the services."""
    return conditions if receiver is None else replace(conditions, otlp_url=receiver.url)


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


def _check_capacity(spec: RunSpec, conditions: Conditions, listener: Listener) -> Capacity:
    """Return the limits of this machine.

    Raises:
        MeasurementError: The plan certainly exceeds one of them.
    """
    urls = []
    for number, target in enumerate(spec.interfaces, 1):
        # Each service of a stack on this machine has an address of its own.
        urls.append(conditions.urls.get(target.service, f"http://127.0.0.1:{number}"))
    needs = needs_of(spec, conditions.workers)
    capacity = read_capacity(urls)
    for shortage in find_shortages(needs, capacity):
        raise MeasurementError(shortage)
    for risk in find_risks(needs, capacity):
        listener.warning(f"this run may fail: {risk}")
    return capacity


def _wait_for_targets(
    spec: RunSpec, running: RunningStack, tokens: Tokens | None, listener: Listener
) -> tuple[str, ...]:
    """Wait until each target answers, with a token if it needs one. Return warnings about their clocks."""
    warnings: dict[str, None] = {}
    environ = {**os.environ, **spec.variables}
    for target in spec.interfaces:
        headers = expand_headers(target, environ)
        headers = {name: text for name, text in headers.items() if not is_dynamic(text)}
        if tokens and target.auth == "bearer":
            headers["authorization"] = f"Bearer {tokens.mint(0)}"
        path, condition = _choose_ready(target, running.stack, environ, has_token=tokens is not None)
        url = running.url(target.service).rstrip("/") + path
        reply = wait_until_ready(
            url,
            headers,
            READY_TIMEOUT_S,
            running.find_dead_service,
            condition,
            route=running.route,
            on_wait=listener.note,
        )
        if target.auth == "bearer" and reply.clock_difference is not None:
            warnings[f"{reply.clock_difference}: it may refuse tokens, so set both clocks"] = None
    return tuple(warnings)


def _choose_ready(
    target: Target, stack: Stack, environ: Mapping[str, str], *, has_token: bool
) -> tuple[str, ReadyCondition]:
    """Return the path that shows that a target is ready: that of its service in the stack, else its own."""
    condition = ReadyCondition.of_target(target, is_external=stack.is_external)
    declared = find_declared_ready(stack).get(target.service)
    if declared is None or (declared.auth == "bearer" and not has_token):
        return expand_path(target, "ready", target.ready or "/", environ), condition
    return declared.path, replace(condition, file=f"stacks/{stack.name}.yaml", auth=declared.auth)


@contextmanager
def _provide_stack(
    spec: RunSpec, stack: Stack, conditions: Conditions, listener: Listener, logs: Path | None
) -> Iterator[RunningStack]:
    """Provide a stack that runs elsewhere, that is already up, or that is started for this run."""
    if stack.is_external:
        urls = find_urls(stack, conditions.urls)
        for address in urls.values():
            check_url(address)
        secret = jwt_secret(os.environ, generate=False) if _needs_token(spec) else None
        yield RunningStack(stack, placeholder_values(secret), urls, route=conditions.route)
        return
    if conditions.urls:
        raise ConfigError(f"--url: stack '{stack.name}' runs on this machine", "--stack external")
    if not conditions.shared or not is_up(stack):
        with _start_stack(stack, conditions, listener, logs) as running:
            yield replace(running, route=conditions.route)
        return
    if conditions.injections:
        hint = f"bench stack down --stack {stack.name}"
        raise ConfigError(f"--inject: stack '{stack.name}' is already up without it", hint)
    listener.note(f"using the stack '{stack.name}', which is already up")
    yield replace(attach(stack), route=conditions.route)


def _start_stack(
    stack: Stack, conditions: Conditions, listener: Listener, logs: Path | None
) -> AbstractContextManager[RunningStack]:
    """Start a stack for this run only."""
    options = StartOptions(
        injections=conditions.injections,
        variables=conditions.variables,
        cores=conditions.cores[1] if conditions.cores else (),
        tree=conditions.tree,
        state=conditions.state,
        logs=logs,
        on_wait=listener.note,
        otlp_url=conditions.otlp_url,
    )
    if stack.compose is not None:
        return run_containers(stack, options)
    return run_processes(stack, jwt_secret(os.environ, generate=True), options)


def _reference_request(running: RunningStack) -> tuple[RepeatedRequest, str] | None:
    """Return the stack's own reference request and its address; `None` if it has none or no known address."""
    request = running.stack.reference_workload
    if request is None or request.target.service not in running.urls:
        return None
    return request, running.urls[request.target.service]


def _start_reference(cores: Cores) -> AbstractContextManager[RunningStack]:
    """Start the reference server on the cores of the stack."""
    return run_processes(REFERENCE, SecretStr(""), StartOptions(cores=cores))


def _needs_token(spec: RunSpec) -> bool:
    return any(target.auth == "bearer" for target in spec.interfaces)


def _check_token(running: RunningStack, users: Sequence[Account]) -> Callable[[], str] | None:
    """Return a function that creates tokens for health checks; `None` without a test user."""
    if not users or "jwt_secret" not in running.values:
        return None
    tokens = _make_tokens(running, users)
    return lambda: tokens.mint(0)


def _make_tokens(running: RunningStack, users: Sequence[Account]) -> Tokens:
    declared = require_users(running.stack)
    secret = SecretStr(running.values["jwt_secret"])
    return Tokens(
        mint=lambda number: mint(users[number], declared, secret),
        count=len(users),
        lifetime_s=declared.token_lifetime_s,
    )
