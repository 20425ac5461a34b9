"""Start the processes of a stack, watch them, and end them with the run."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr

from bench.core.config.fault import CLIENTS
from bench.core.config.instances import Instance, find_service, list_instances
from bench.core.config.placeholders import expand
from bench.core.config.stack import OTLP_URL, Stack
from bench.core.tiers.environment import fixed_url
from bench.measure.stacks import supervisor
from bench.measure.stacks.launch import Launch, expand_texts, plan_instance, update_configuration
from bench.measure.stacks.marks import mark
from bench.measure.stacks.ports import LOOPBACK, choose_ports, host_and_port, require_free_address
from bench.measure.stacks.projects import new_project
from bench.measure.stacks.running_stack import RunningStack, placeholder_values
from bench.measure.stacks.service_logs import ServiceLogs, describe_exit
from bench.measure.stacks.service_start import StartingService, await_port, await_service
from bench.measure.stacks.stack_processes import StackProcesses
from bench.measure.stacks.start_options import StartOptions
from bench.owners.temporary import temporary_folder

PREPARE = "prepare"
"""Name of the process and the log of the commands that make the files of a version runnable."""
COMMANDS = "up"
"""Name of the process and the log of the commands that start a stack."""
GRACE_S = 5.0
"""Time that processes have to end, before they are killed."""
# A supervisor that takes longer is stuck: it waits for each stop command and for processes that it killed.
_STOP_TIMEOUT_S = 300.0


@contextmanager
def run_processes(
    stack: Stack, secret: SecretStr, options: StartOptions = StartOptions()
) -> Iterator[RunningStack]:
    """Start a stack and end it with the block, even if this process is killed.

    Args:
        stack: The stack to start.
        secret: The secret that signs tokens.
        options: Settings of the start.

    Raises:
        ConfigError: A placeholder has no value, or a folder does not exist.
        TargetError: A service did not start, or its port is taken.
    """
    with temporary_folder(stack.name) as state:
        started = prepare(stack, secret, options.state or state, options)
        try:
            start(started)
            yield RunningStack(
                stack,
                started.values,
                started.urls_for(CLIENTS),
                started.pids,
                started.find_dead_service,
                options.cores,
                processes=started,
            )
        finally:
            stop(started)
            started.logs.remove_empty()


def prepare(
    stack: Stack, secret: SecretStr | None, state: Path, options: StartOptions = StartOptions()
) -> StackProcesses:
    """Create the folders of a stack, before `start` starts its processes."""
    state.mkdir(parents=True, exist_ok=True)
    values = placeholder_values(secret, state, options.tree)
    for name, value in options.variables.items():
        values[f"env.{name}"] = value
    if stack.tiers.otlp is not None:
        values[OTLP_URL] = options.otlp_url or fixed_url(stack.tiers.otlp)
    logs = ServiceLogs(options.logs or state / "logs", is_kept=options.logs is not None)
    return StackProcesses(stack, values, logs, options, options.project or new_project(stack.name))


def start(started: StackProcesses, *, detached: bool = False) -> None:
    """Start the services in order, each when the previous one is ready; or run the commands of `up`.

    Args:
        started: The stack, which gets the processes and addresses.
        detached: The services outlive this process.

    Raises:
        ConfigError: A placeholder has no value, or a folder does not exist.
        TargetError: A service did not start in time; the message contains the end of its log.
    """
    started.is_detached = detached
    if started.stack.up:
        _start_commands(started)
        return
    instances = list_instances(started.stack.services)
    services = {instance.name: instance.service for instance in instances}
    ports = choose_ports(services, started.options.ports)
    for name, port in ports.items():
        if port:
            started.set_url(name, f"http://{LOOPBACK[0]}:{port}")
    for instance in instances:
        _start_instance(started, instance, ports.get(instance.name))


def start_instance(started: StackProcesses, name: str, port: int | None = None) -> None:
    """Start one more instance, or one that ended, and wait until it is ready. It rests: it gets no requests.

    Args:
        started: The stack.
        name: Name of the instance.
        port: Its port; `None` for one of its declaration, or for a free one.

    Raises:
        ConfigError: A placeholder has no value.
        TargetError: It did not start in time; it was ended.
    """
    service_name = find_service(started.stack.services, name)
    service = started.stack.services[service_name]
    port = choose_ports({name: service}, {} if port is None else {name: port}).get(name)
    started.resting.add(name)
    if port:
        started.set_url(name, f"http://{LOOPBACK[0]}:{port}")
    try:
        _start_instance(started, Instance(name, service_name, service), port)
    except BaseException:
        end_instance(started, name)
        raise


def end_instance(started: StackProcesses, name: str) -> None:
    """End an instance, with all processes that it started. Its end is no failure of the stack."""
    pid = started.pids.get(name)
    process = started.processes.get(name)
    started.forget(name)
    started.on_change()
    if process is not None:
        process.terminate()
        _await_end(process)
    elif pid is not None:  # another command started it
        with suppress(psutil.NoSuchProcess):
            supervising = psutil.Process(pid)
            supervising.terminate()
            supervising.wait(_STOP_TIMEOUT_S)


def is_running(pid: int | None) -> bool:
    """Return whether a process runs; one whose parent has not noted its end does not."""
    with suppress(psutil.NoSuchProcess):
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def _start_instance(started: StackProcesses, instance: Instance, port: int | None) -> None:
    name = instance.name
    started.instances[name] = instance
    update_configuration(started, instance, port)
    process = _supervise(started, plan_instance(started, instance, port))
    announcement = started.logs.announcement_file(name)
    watch = _watch(started, name, process, instance.service.start_timeout_s)
    url = started.urls.get(name, "")
    url = await_service(watch, instance.service, url, announcement, started.stack.name)
    if url:
        started.set_url(name, url)


def start_again(started: StackProcesses, name: str) -> None:
    """Start an instance that ended, at the same address, and wait until it is ready.

    Raises:
        TargetError: It did not start in time.
    """
    url = started.urls.get(name)
    port = None if url is None else host_and_port(url)[1]
    _start_instance(started, started.instances[name], port)


def _watch(
    started: StackProcesses, name: str, process: subprocess.Popen[bytes], timeout_s: float
) -> StartingService:
    return StartingService(
        name=name,
        pid=process.pid,
        timeout_s=timeout_s,
        find_failure=lambda: started.find_failure(name),
        late_error=lambda reason: started.error(name, f"after {timeout_s:g} s, {reason}"),
        on_wait=started.options.on_wait,
    )


def _supervise(started: StackProcesses, launch: Launch) -> subprocess.Popen[bytes]:
    """Start a supervisor. It ends when this process does, unless it is detached.

    Its output goes to files, because a full pipe would stop it. It is stored at once, so that an interrupt
    ends it.
    """
    plan = {
        "stop_commands": [],
        "stop_signal": "SIGTERM",
        "grace_s": GRACE_S,
        "cores": started.options.cores,
        "watch": not started.is_detached,
        "stays": False,
        **launch.plan,
    }
    started.on_start(launch.name)
    with (
        started.logs.file(launch.name).open("ab") as log,
        (launch.announcement or Path(os.devnull)).open("wb") as announcement,
    ):
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__, json.dumps(plan)],
            env=mark(launch.environment, started.project),
            cwd=launch.cwd,
            stdin=subprocess.DEVNULL if started.is_detached else subprocess.PIPE,
            stdout=log if launch.announcement is None else announcement,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches bench only, which then ends them in order
        )
    started.processes[launch.name] = process
    started.pids[launch.name] = process.pid
    started.on_start(launch.name)
    return process


def _start_commands(started: StackProcesses) -> None:
    """Run the commands of `up`, and wait until each address accepts a connection."""
    stack = started.stack
    for name, text in stack.urls.items():
        url = expand(text, started.values, f"urls.{name}")
        require_free_address(name, url)
        started.set_url(name, url)
    plan: dict[str, Any] = {"commands": _expand_commands(started, "up")}
    if not started.is_detached:  # else `run_down` runs them
        plan |= {"stop_commands": _expand_commands(started, "down"), "stays": True}
    process = _run_commands(started, plan)
    for name, url in list(started.urls.items()):
        watch = _watch(started, COMMANDS, process, stack.start_timeout_s)
        started.set_url(name, await_port(watch, url))


def _expand_commands(started: StackProcesses, field_name: str) -> list[list[str]]:
    commands = []
    for index, command in enumerate(getattr(started.stack, field_name)):
        commands.append(expand_texts(command, started.values, f"{field_name}.{index}"))
    return commands


def _run_commands(started: StackProcesses, plan: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """Run commands with the complete environment: programs such as `docker` and `kubectl` need much of it."""
    environment = {**os.environ, **started.options.variables}
    return _supervise(started, Launch(COMMANDS, plan, environment, started.tree))


def run_down(started: StackProcesses) -> int:
    """Run the commands of `down`, and return the exit code of the last one."""
    plan = {"commands": _expand_commands(started, "down")}
    with _run_commands(started, plan) as process:
        return process.wait()


def prepare_tree(stack: Stack, state: Path, options: StartOptions) -> None:
    """Run the commands of `prepare` in the files of a version.

    Args:
        stack: The stack.
        state: Folder for files that the services write.
        options: The files of the version, and its variables.

    Raises:
        ConfigError: A placeholder has no value.
        TargetError: A command failed; the message contains its last lines.
    """
    started = prepare(stack, None, state, options)
    environment = {**os.environ, **options.variables}
    # An active environment of Python would get the packages that are for the version.
    environment.pop("VIRTUAL_ENV", None)
    plan = {"commands": _expand_commands(started, PREPARE)}
    try:
        code = _supervise(started, Launch(PREPARE, plan, environment, started.tree)).wait()
    finally:
        stop(started)
    if code:
        raise started.error(PREPARE, f"`prepare` ended {describe_exit(code)}")


def stop(started: StackProcesses) -> None:
    """End the processes in reverse order, each with all processes that it started."""
    for process in reversed(started.processes.values()):
        process.terminate()
    for process in reversed(started.processes.values()):
        _await_end(process)


def _await_end(process: subprocess.Popen[bytes]) -> None:
    """Wait until a supervisor ends that was told to."""
    try:
        process.wait(timeout=_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
