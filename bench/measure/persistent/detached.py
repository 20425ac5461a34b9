"""A stack that stays up between commands: `bench stack up`, `status`, `down`.

`.bench/stacks/NAME/state.json` remembers the processes; the secret is never written there.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr

from bench.core.config.stack import Stack
from bench.errors import ConfigError, StoreError
from bench.measure.stacks.live import Live, placeholders
from bench.measure.stacks.processes import Running, prepare, start, stop

FOLDER = Path(".bench/stacks")
_STOP_TIMEOUT_S = 5.0
# A Popen that is forgotten while its process runs complains; these are meant to outlive us.
_outliving: list[subprocess.Popen[bytes]] = []


def up(stack: Stack, secret: SecretStr, ports: Mapping[str, int]) -> Mapping[str, str]:
    """Start a stack that outlives this command.

    Args:
        stack: What to start.
        secret: What its backend checks tokens with.
        ports: By service; the kernel chooses the others.

    Returns:
        The addresses, by service.

    Raises:
        ConfigError: It is up, or has no services to start, or no service of a name in `ports`.
        TargetError: A service did not start; those that did were ended.
    """
    if not stack.services:
        raise ConfigError(f"target '{stack.name}' has no services to start", "--stack embedded")
    unknown = sorted(ports.keys() - stack.services.keys())
    if unknown:
        there_are = ", ".join(stack.services)
        raise ConfigError(f"target '{stack.name}' has no service '{unknown[0]}'", f"there are: {there_are}")
    if is_up(stack.name):
        raise ConfigError(f"target '{stack.name}' is up", "bench stack down")
    home = (FOLDER / stack.name).absolute()
    down(stack.name)  # what still runs of one that lost a service
    try:
        started = prepare(stack, secret, home)
    except OSError as error:
        raise StoreError(f"cannot write {home}: {error.strerror}", "run in a folder of yours") from error
    try:
        start(started, {}, ports, detached=True)
    except BaseException:
        stop(started)
        raise
    _remember(home, started)
    _outliving.extend(started.processes.values())
    return started.urls


def _remember(home: Path, started: Running) -> None:
    state = {
        "urls": started.urls,
        "processes": {
            name: {"pid": pid, "started": psutil.Process(pid).create_time()}
            for name, pid in started.pids.items()
        },
    }
    (home / "state.json").write_text(json.dumps(state, indent=1), encoding="utf-8")


def is_up(name: str) -> bool:
    """Whether every service of a stack that was started runs."""
    found = statuses(name).values()
    return bool(found) and all(status == "up" for status in found)


def attach(stack: Stack, secret: SecretStr | None) -> Live:
    """The stack of that name, which is up."""
    home = (FOLDER / stack.name).absolute()
    state = _state(home)
    if state is None:
        raise StoreError(f"cannot read {home / 'state.json'}", "bench stack down, then up")
    pids = {name: process["pid"] for name, process in state["processes"].items()}

    def dead() -> str | None:
        down = [name for name, status in statuses(stack.name).items() if status != "up"]
        return f"service '{down[0]}' ended; its log is {home / 'logs' / down[0]}.log" if down else None

    return Live(stack, placeholders(secret, home), state["urls"], pids, dead)


def statuses(name: str) -> dict[str, str]:
    """`up` or `down` by service; empty when the stack was not started."""
    state = _state((FOLDER / name).absolute())
    if state is None:
        return {}
    return {
        service: "up" if _process(each) is not None else "down"
        for service, each in state["processes"].items()
    }


def logs(name: str, lines: int) -> dict[str, str]:
    """The last lines that each service wrote; empty when the stack was not started."""
    home = (FOLDER / name).absolute()
    state = _state(home) or {"processes": {}}
    found = {}
    for service in state["processes"]:
        written = (home / "logs" / f"{service}.{kind}" for kind in ("out", "log"))
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in written if path.is_file()]
        found[service] = "".join(f"{line}\n" for line in "".join(texts).splitlines()[-lines:])
    return found


def down(name: str) -> int:
    """End a stack's processes, remove its files, and say how many processes ended."""
    home = (FOLDER / name).absolute()
    state = _state(home) or {"processes": {}}
    processes = [process for each in state["processes"].values() if (process := _process(each)) is not None]
    for process in reversed(processes):
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(processes, timeout=_STOP_TIMEOUT_S)[1]:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    shutil.rmtree(home, ignore_errors=True)
    _outliving[:] = [process for process in _outliving if process.poll() is None]
    return len(processes)


def _state(home: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((home / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _process(noted: Mapping[str, Any]) -> psutil.Process | None:
    """The process that was noted; a later one with the same number is another."""
    try:
        process = psutil.Process(noted["pid"])
        same = abs(process.create_time() - noted["started"]) < 1.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None
