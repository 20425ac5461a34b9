"""Check the set-up of this machine and this folder for runs, and explain each problem."""

import importlib.util
import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from bench.core.config.stack import Stack, list_secrets
from bench.core.setup.findings import Finding, Grade
from bench.core.values import wording
from bench.errors import BenchError
from bench.measure.machine.host import read_machine
from bench.measure.machine.limits import read_limits
from bench.measure.stacks import docker
from bench.store import stacks
from bench.usecases.scenarios import check_scenarios
from bench.usecases.stack import UP, stack_status

_OLDEST_PYTHON = (3, 11)
_FIRST_UNTESTED_PYTHON = (3, 15)
_EXTRAS = {"http2": "h2", "parquet": "pyarrow"}
_FEWEST_FILES = 1_024
_FEWEST_PORTS = 10_000
_LEAST_MEMORY_BYTES = 512_000_000
_LEAST_DISK_BYTES = 500_000_000
_FEWEST_CORES = 2
_LONGEST_TICK_S = 0.001
_CLOCK_READINGS = 2_000


def check_setup(stack: str | None = None) -> tuple[Finding, ...]:
    """Return the state of each part of a set-up.

    Args:
        stack: Name of a stack to check; None to check those of this folder.
    """
    findings = [*_versions(), *_machine(), *_clock(), *_folders(), *_files()]
    declared = [*_load_stacks(stack, findings)]
    if any(of_stack.compose is not None for of_stack in declared):
        findings += _docker(Grade.NOTE if stack is None else Grade.PROBLEM)
    for of_stack in declared:
        findings += _stack(of_stack)
    return (*findings, *_github())


def _judge(
    subject: str, message: str, cure: str, *, is_enough: bool, otherwise: Grade = Grade.PROBLEM
) -> Finding:
    """Return a finding; its cure is only for what is not enough."""
    return Finding(subject, Grade.OK if is_enough else otherwise, message, None if is_enough else cure)


def _versions() -> Iterator[Finding]:
    is_tested = _OLDEST_PYTHON <= sys.version_info[:2] < _FIRST_UNTESTED_PYTHON
    message = (
        f"chatbench {metadata.version('chatbench')}, Python {platform.python_version()}, {platform.system()}"
    )
    cure = "the tests cover Python 3.11 to 3.14"
    yield _judge("versions", message, cure, is_enough=is_tested, otherwise=Grade.NOTE)
    if platform.system() != "Linux":
        message = f"{platform.system()} has no kernel timer and no control groups that bench can read"
        yield Finding("system", Grade.NOTE, message, "run on Linux for the most exact times")
    missing = [extra for extra, module in _EXTRAS.items() if not _is_installed(module)]
    if missing:
        message = f"the optional parts {wording.listing(missing)} are not installed"
        cure = f"if you need one: pip install 'chatbench[{missing[0]}]'"
        yield Finding("extras", Grade.NOTE, message, cure)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the parent
        return False


def _machine() -> Iterator[Finding]:
    machine = read_machine()
    cores = len(machine.cores) or 1
    text = wording.counted(cores, "core")
    cure = "load and stack share one core, so times vary more"
    yield _judge("cores", text, cure, is_enough=cores >= _FEWEST_CORES, otherwise=Grade.NOTE)
    yield from _limits()
    if machine.load is not None and machine.load > cores:
        message = f"{machine.load:.1f} processes want {text}"
        yield Finding("other work", Grade.NOTE, message, "end it before a run, because it makes times vary")


def _limits() -> Iterator[Finding]:
    machine_limits = read_limits(["http://127.0.0.1:1"])
    files = machine_limits.open_files
    if files is not None:
        yield _judge("open files", f"at most {files:,}", "ulimit -n 4096", is_enough=files >= _FEWEST_FILES)
    ports = machine_limits.ports
    if ports is not None:
        cure = "sysctl -w net.ipv4.ip_local_port_range='1024 65535'"
        is_enough = ports >= _FEWEST_PORTS
        yield _judge("ports", f"{ports:,} local ports", cure, is_enough=is_enough, otherwise=Grade.NOTE)
    memory = machine_limits.memory_bytes
    if memory is not None:
        cure = "close other programs, or raise the limit of the container"
        is_enough = memory >= _LEAST_MEMORY_BYTES
        yield _judge("memory", f"{wording.memory(memory)} free", cure, is_enough=is_enough)


def _clock() -> Iterator[Finding]:
    """Yield the smallest step of the clock that takes all times."""
    steps = []
    for _ in range(_CLOCK_READINGS):
        start_s = time.monotonic()
        while (now_s := time.monotonic()) == start_s:
            pass
        steps.append(now_s - start_s)
    step_s = min(steps)
    cure = "use another clock source of the kernel, such as tsc"
    yield _judge("clock", f"steps of {1e6 * step_s:.2g} µs", cure, is_enough=step_s < _LONGEST_TICK_S)


def _folders() -> Iterator[Finding]:
    for name in ("results", ".bench"):
        nearest = Path(name) if Path(name).exists() else Path()
        if not os.access(nearest, os.W_OK):
            cure = f"run bench in a folder that you may write to, or: chmod u+w {nearest}"
            yield Finding(name, Grade.PROBLEM, "cannot be written", cure)
    free = shutil.disk_usage(Path()).free
    cure = "remove old runs from results/"
    yield _judge("disk", f"{wording.memory(free)} free", cure, is_enough=free >= _LEAST_DISK_BYTES)


def _files() -> Iterator[Finding]:
    """Yield the state of all scenario, target and stack files."""
    checked = check_scenarios()
    if checked.error is None:
        yield Finding("files", Grade.OK, f"{wording.counted(len(checked.scenarios), 'scenario')} are valid")
    else:
        yield Finding("files", Grade.PROBLEM, checked.error.message, checked.error.hint)


def _load_stacks(name: str | None, findings: list[Finding]) -> Iterator[Stack]:
    """Yield one stack, or those that this folder declares; the error of a stack is a finding."""
    names = (
        [path.stem for path in sorted(Path("scenarios/stacks").glob("*.yaml"))] if name is None else [name]
    )
    for stack in names:
        try:
            yield stacks.load(stack)
        except BenchError as error:
            findings.append(Finding(f"stack {stack}", Grade.PROBLEM, error.message, error.hint))


def _stack(stack: Stack) -> Iterator[Finding]:
    subject = f"stack {stack.name}"
    if stack.compose is not None and not Path(stack.compose.file).exists():
        message = f"the compose file {stack.compose.file} does not exist"
        yield Finding(subject, Grade.PROBLEM, message, "run bench in the folder of the file")
    yield from _services(stack)
    unset = [name for name in list_secrets(stack) if name not in os.environ]
    if stack.is_external:
        message = f"needs {wording.listing(unset)}" if unset else "runs elsewhere"
        yield _judge(subject, message, f"export {''.join(unset[:1])}=…", is_enough=not unset)
        return
    states: Mapping[str, str] = {}
    with suppress(BenchError):
        states = stack_status(stack.name)
    down = [f"{name}: {state}" for name, state in states.items() if state != UP]
    message = "; ".join(down) or ("is up" if states else "is not up; each run starts it")
    yield _judge(subject, message, f"bench stack logs --stack {stack.name}", is_enough=not down)


def _services(stack: Stack) -> Iterator[Finding]:
    """Yield the problems with the ports and the programs of a stack's processes."""
    subject = f"stack {stack.name}"
    for name, service in stack.services.items():
        port = service.fixed_port
        if port is not None and _is_taken(port):
            message = f"port {port} of service '{name}' is taken"
            yield Finding(subject, Grade.NOTE, message, "end the other program, unless it is this stack")
        program = service.command[0]
        if "/" not in program and "${" not in program and shutil.which(program) is None:
            yield Finding(
                subject, Grade.PROBLEM, f"{program} is not installed", "install it, or correct PATH"
            )


def _docker(grade: Grade) -> Iterator[Finding]:
    """Yield the state of the Docker engine, which is a problem only for a stack of containers."""
    try:
        docker.list_projects()
    except BenchError as error:
        yield Finding("docker", grade, error.message, error.hint)
    else:
        yield Finding("docker", Grade.OK, "is reachable")


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _github() -> Iterator[Finding]:
    """Yield the state of the access to GitHub, where a workflow runs."""
    if "GITHUB_ACTIONS" not in os.environ:
        return
    is_set = bool(os.environ.get("GITHUB_TOKEN"))
    message = f"GITHUB_TOKEN is {'set' if is_set else 'not set'}"
    cure = "add env: {GITHUB_TOKEN: ${{ github.token }}} to the step that publishes"
    yield _judge("github", message, cure, is_enough=is_set, otherwise=Grade.NOTE)
