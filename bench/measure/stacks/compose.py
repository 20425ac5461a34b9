"""Start the containers of a stack by its compose file, and remove everything that it created."""

import hashlib
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import yaml

from bench.core.config.compose import Compose, Container, ContainerState, list_parts, name_built_images
from bench.core.config.compose_file import active_services, isolate
from bench.core.config.engine_errors import PORT_TAKEN, explain
from bench.core.config.instances import address_values, name_replica, share_addresses
from bench.core.config.stack import Stack
from bench.errors import BenchError, TargetError
from bench.measure.machine.signals import defer_signals
from bench.measure.stacks import docker
from bench.measure.stacks.compose_call import (
    ComposeCall,
    make_call,
    make_secrets,
    require_compose,
    secret_placeholders,
    visible_variables,
)
from bench.measure.stacks.container_watch import (
    ContainerWatch,
    describe_container,
    find_failure,
    find_suspect,
    hide_secrets,
)
from bench.measure.stacks.images import name_images, require_images
from bench.measure.stacks.marks import mark
from bench.measure.stacks.projects import new_project, remove_left_behind
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.stacks.start_options import StartOptions
from bench.owners.temporary import temporary_folder

_POLL_S = 0.3
_PORT_ATTEMPTS = 3


@contextmanager
def run_containers(stack: Stack, options: StartOptions) -> Iterator[RunningStack]:
    """Start a stack of containers, and remove it at the end of the block.

    If the options name a folder of files, the compose file is the one in that folder.

    Raises:
        ConfigError: The compose file does not exist or lacks a variable, or an image is missing.
        TargetError: The stack did not start, or the engine does not answer.
    """
    remove_left_behind(stack.name)
    project = new_project(stack.name)
    shared = options.shared_services
    try:
        secret_values = make_secrets(stack) if shared is None else shared.secret_values
        start(stack, project, options, secret_values)
        running = attach(stack, project, secret_values, options)
        yield replace(running, cores=pin_containers(project, options.cores))
    finally:
        with defer_signals():
            docker.remove_project(project)


def pin_containers(project: str, cores: tuple[int, ...]) -> tuple[int, ...]:
    """Restrict the containers to cores and return these; empty if the compose file assigns cores itself."""
    if not cores:
        return ()
    running: list[str] = []
    for container in docker.list_containers(project):
        if container.cores:
            return ()
        if container.state is ContainerState.UP:
            running.append(container.id)
    return cores if docker.pin(running, cores) else ()


def start(stack: Stack, project: str, options: StartOptions, secret_values: Mapping[str, str]) -> None:
    """Start the containers and wait until all are healthy. After an error the caller removes the project.

    Raises:
        ConfigError: The compose file does not exist or lacks a variable, or an image is missing.
        TargetError: The stack did not start, or the engine does not answer.
    """
    call = make_call(stack, options, secret_values)
    shared = () if options.shared_services is None else options.shared_services.names
    services = [name for name in active_services(call.config, call.compose.profiles) if name not in shared]
    start_services(call, project, options, secret_values, services)


def start_services(
    call: ComposeCall,
    project: str,
    options: StartOptions,
    secret_values: Mapping[str, str],
    services: Sequence[str],
) -> None:
    """Start some services of a compose file in a project, and wait until they are healthy.

    Raises:
        ConfigError: An image is missing.
        TargetError: A service did not start, or the engine does not answer.
    """
    compose = call.compose
    images = name_built_images(call.config, compose.profiles) | dict(options.images)
    require_images(call, images, options, secret_values)
    for name in compose.caches:
        docker.run(["docker", "volume", "create", name], f"create the volume {name}")
    end_s = time.monotonic() + compose.start_timeout_s
    for attempts_left in reversed(range(_PORT_ATTEMPTS)):
        ports = _choose_ports(compose, options)
        with _name_everything(call, services, images, ports, options) as named:
            error = _up(named, project, options, secret_values)
        if error is None:
            break
        can_retry = attempts_left > 0 and PORT_TAKEN in error.message and not options.ports
        if not can_retry:
            raise error
        docker.remove_project(project)
    _wait_until_healthy(project, compose, end_s, secret_values)


@contextmanager
def _name_everything(
    call: ComposeCall,
    services: Sequence[str],
    images: Mapping[str, str],
    ports: Mapping[str, int],
    options: StartOptions,
) -> Iterator[ComposeCall]:
    """Provide the call with the images and ports of this start.

    A version that is compared with another one gets a file without names and ports that both would have.
    """
    if not options.is_compared:
        variables = {}
        for name, port in ports.items():
            variables[call.compose.services[name].port_variable or ""] = str(port)
        with name_images(images) as more_files:
            environment = {**call.environment, **variables}
            yield replace(call, options=[*call.options, *more_files], environment=environment)
        return
    content = isolate(call.config, services, call.compose, images=images, ports=ports)
    with temporary_folder("compose") as folder:  # it contains secrets, and only this account can read it
        path = folder / "compose.yml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        yield replace(call, options=["--file", str(path)])


def _up(
    call: ComposeCall, project: str, options: StartOptions, secret_values: Mapping[str, str]
) -> BenchError | None:
    """Run `compose up`, which waits for containers that others depend on; return the error, or `None`."""
    action = f"start the stack '{call.stack}'"
    environment = mark(call.environment, project)
    command = [*call.program, "--project-name", project, *call.options, "up"]
    timeout_s = call.compose.start_timeout_s

    def check() -> None:
        failure = find_failure(docker.list_containers(project), secret_values)
        if failure is not None:
            raise failure

    try:
        if options.shared_services is not None:
            created = [*command, "--no-start", "--no-build"]
            docker.run(created, action, environment=environment, timeout_s=timeout_s)
            options.shared_services.connect(project, call)
        started = [*command, "--detach", "--no-build", *_scale_options(call.compose)]
        code, _, stderr = docker.attempt(
            started, action, environment=environment, timeout_s=timeout_s, meanwhile=check
        )
    except TargetError as error:
        if error.service is not None:
            return error
        containers = docker.list_containers(project)
        return find_failure(containers, secret_values) or _late_error(call.compose, containers, secret_values)
    if code == 0:
        return None
    refusal = explain(action, hide_secrets(stderr, secret_values))
    return refusal if PORT_TAKEN in refusal.message else find_suspect(project, secret_values) or refusal


def _scale_options(compose: Compose) -> list[str]:
    """Return the options of `compose up` for the numbers of containers."""
    options: list[str] = []
    for name, service in compose.services.items():
        if service.replicas is not None:
            options += ["--scale", f"{compose.compose_name(name)}={service.replicas}"]
    return options


def attach(
    stack: Stack, project: str, secret_values: Mapping[str, str], options: StartOptions
) -> RunningStack:
    """Return a stack whose containers run.

    Args:
        stack: The declaration.
        project: The compose project.
        secret_values: The secrets by name.
        options: The variables of the compose file, the folder of its files and shared services.

    Raises:
        TargetError: A declared port is not open on this machine, or the engine does not answer.
    """
    compose = require_compose(stack, options.tree)
    containers = docker.list_containers(project)
    if options.shared_services is not None:
        containers += options.shared_services.list_containers()
    values = secret_placeholders(secret_values)
    urls = {}
    for container in containers:
        name = compose.target_name(container.service)
        service = compose.services.get(name)
        if service is None or service.port is None:
            continue
        if service.replicas is not None:
            name = name_replica(name, container.number)
            if service.port not in container.ports:
                continue  # requests reach it through its balancer
        if service.port not in container.ports:
            message = f"port {service.port} of service '{container.service}' is not open on this machine"
            raise TargetError(message, f"add it to ports: in {compose.file}")
        urls[name] = f"http://127.0.0.1:{container.ports[service.port]}"
    urls = share_addresses(compose.services, urls)
    values |= address_values(compose.services, urls)
    running = [container for container in containers if container.state is ContainerState.UP]
    absent: set[str] = set()
    return RunningStack(
        stack,
        values,
        urls,
        find_dead_service=ContainerWatch(running, secret_values, options.logs, absent).find_dead_service,
        absent=absent,
        containers=_ids_by_name(compose, containers),
        parts=_parts(compose, containers, options.variables),
    )


def _choose_ports(compose: Compose, options: StartOptions) -> dict[str, int]:
    """Return the ports of services, free ones for those that the caller did not choose.

    Docker itself would choose another port after each restart of a container. A version that is compared with
    another one also gets those ports that the compose file sets.
    """
    ports = {}
    with ExitStack() as open_sockets:
        for name, service in compose.services.items():
            has_variable = service.port_variable is not None
            is_open = options.is_compared and service.port is not None and service.replicas is None
            if has_variable or is_open:
                free = open_sockets.enter_context(socket.socket())
                free.bind(("127.0.0.1", 0))
                ports[name] = options.ports.get(name) or int(free.getsockname()[1])
    return ports


def _wait_until_healthy(
    project: str, compose: Compose, end_s: float, secret_values: Mapping[str, str]
) -> None:
    while True:
        containers = docker.list_containers(project)
        if containers and all(container.ready for container in containers):
            return
        failure = find_failure(containers, secret_values)
        if failure is not None:
            raise failure
        if time.monotonic() > end_s:
            raise _late_error(compose, containers, secret_values)
        time.sleep(_POLL_S)


def _late_error(
    compose: Compose, containers: Sequence[Container], secret_values: Mapping[str, str]
) -> TargetError:
    problem = "no container exists"
    service = None
    exit_code = None
    for container in containers:
        if not container.ready:
            service = container.service
            exit_code = container.ended_with
            problem = describe_container(container, secret_values)
            break
    return TargetError(
        f"the containers were not healthy within {compose.start_timeout_s:g} s: {problem}",
        "compose: start_timeout in the stack file sets the limit",
        service=service,
        service_exit_code=exit_code,
    )


def _ids_by_name(compose: Compose, containers: Sequence[Container]) -> dict[str, str]:
    """Return the container ids by the service names of targets.

    Containers of a service with replicas have their numbers; further containers of others get `-2`, `-3`, ….
    """
    ids: dict[str, str] = {}
    counts: dict[str, int] = {}
    for container in containers:
        name = compose.target_name(container.service)
        service = compose.services.get(name)
        if service is not None and service.replicas is not None:
            ids[name_replica(name, container.number)] = container.id
            continue
        counts[name] = counts.get(name, 0) + 1
        ids[name if counts[name] == 1 else f"{name}-{counts[name]}"] = container.id
    return ids


def _parts(
    compose: Compose, containers: tuple[Container, ...], variables: Mapping[str, str]
) -> dict[str, str]:
    """Return the images and settings that must be equal for two runs to be comparable."""
    identities = {}
    for container in containers:
        name = compose.target_name(container.service)
        service = compose.services.get(name)
        if service is not None and service.identity:
            command = ["docker", "exec", container.id, *service.identity]
            printed = docker.run(command, f"read the identity of '{name}'")
            identities[name] = hashlib.sha256(printed.encode()).hexdigest()
    digest = hashlib.sha256(Path(compose.file).read_bytes()).hexdigest()
    return list_parts(compose, digest, visible_variables(compose, variables), containers, identities)
