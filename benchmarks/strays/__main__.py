"""`python -m benchmarks.strays`: kill `bench stack up` and `bench run` with SIGKILL at random moments.

After each kill, no process of the command may remain: for a run without further help, and for a persistent
stack after `bench stack down`. A second persistent stack must stay up all the time.
"""

import argparse
import json
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from multiprocessing.context import ForkServerContext
from pathlib import Path
from random import Random

from .command import finish, open_context, start

# Services and load generators inherit it, because its name begins like those of coverage.
_VARIABLE = "COVERAGE_STRAYS"
_BYSTANDER = "bystander"
# A shell with a child in a session of its own, and a server.
_TREE = 'setsid sleep 86400 & exec "$0" -I -S -c "$1" "$2"'
_SERVER = (
    "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(86400)"
)
_STACK = "trees"
_TIMEOUT_S = 60.0
_UP = ["stack", "up", "--stack"]
_DOWN = ["stack", "down", "--stack"]
_RUN = ["run", "quick", "--duration", "1s", "--quiet"]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _list_processes(without: set[int]) -> set[int]:
    """Return the processes of this measurement, except these."""
    mark = f"{_VARIABLE}={os.environ[_VARIABLE]}".encode()
    pids = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                pids.add(int(path.parent.name))
    return pids - without


def _kill_ups(context: ForkServerContext, kills: int, others: set[int]) -> None:
    process = start(context, *_UP, _STACK)
    _wait_for_state()
    began_s = time.monotonic()
    process.join()
    duration_s = time.monotonic() - began_s
    finish(context, *_DOWN, _STACK)
    moments = Random(1)
    left_at_kill = Counter[int]()
    downs_s = []
    for number in range(kills):
        process = start(context, *_UP, _STACK)
        if number % 4:  # else the kill may come before the first service
            _wait_for_state()
        process.join(moments.uniform(0, duration_s))
        process.kill()
        process.join()
        left_at_kill[len(_list_processes(others))] += 1
        downs_s.append(finish(context, *_DOWN, _STACK))
        if left := _list_processes(others):
            raise SystemExit(f"{len(left)} processes remain after a kill of bench stack up")
        if files := [path for path in Path(".bench/stacks").iterdir() if _is_left(path)]:
            raise SystemExit(f"{files} remain after bench stack down")
    counts = ", ".join(f"{left}: {count}" for left, count in sorted(left_at_kill.items()))
    _say(f"{kills} kills of bench stack up; kills by the number of processes that it left: {counts}")
    _say(f"after bench stack down: none; it took {statistics.median(downs_s):.2f} s (median)")


def _wait_for_state() -> None:
    """Wait until a command is about to start the first service."""
    while not Path(".bench/stacks", _STACK, "state.json").exists():
        time.sleep(0.001)


def _is_left(path: Path) -> bool:
    return path.suffix != ".lock" and path.name != _BYSTANDER


def _kill_runs(context: ForkServerContext, kills: int, others: set[int]) -> None:
    duration_s = finish(context, *_RUN)
    moments = Random(2)
    ends_s = []
    for _ in range(kills):
        process = start(context, *_RUN)
        process.join(moments.uniform(0, duration_s))
        process.kill()
        process.join()
        killed_s = time.monotonic()
        while left := _list_processes(others):
            if time.monotonic() - killed_s > _TIMEOUT_S:
                raise SystemExit(f"{len(left)} processes remain after a kill of bench run")
            time.sleep(0.01)
        ends_s.append(time.monotonic() - killed_s)
    finish(context, *_DOWN, _STACK)
    if folders := [path for path in Path(os.environ["TMPDIR"]).iterdir() if path.name.startswith("bench-")]:
        raise SystemExit(f"{folders} remain after bench stack down")
    _say(f"{kills} kills of bench run: no process remained after {max(ends_s):.2f} s, and no folder")


def _write_stacks() -> None:
    """Write a stack of three trees of processes that start quickly, and its copy that must stay up."""
    folder = Path("scenarios/stacks")
    folder.mkdir(parents=True)
    service = {"command": ["sh", "-c", _TREE, "${python}", _SERVER, "${port}"]}
    stack = {
        "purpose": "Trees of processes.",
        "services": dict.fromkeys(("first", "second", "third"), service),
    }
    for name in (_STACK, _BYSTANDER):
        (folder / f"{name}.yaml").write_text(json.dumps(stack), encoding="utf-8")


def main() -> None:
    """Kill commands, and print what remained."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strays", description=__doc__)
    parser.add_argument("--ups", type=int, default=300, help="kills of bench stack up (default: 300)")
    parser.add_argument("--runs", type=int, default=50, help="kills of bench run (default: 50)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("tmp").mkdir()
        os.environ |= {
            _VARIABLE: secrets.token_hex(16),
            "JWT_SECRET": secrets.token_hex(32),
            "TMPDIR": str(Path("tmp").absolute()),
        }
        _write_stacks()
        context = open_context()
        finish(context, *_UP, _BYSTANDER)
        others = _list_processes(set())
        try:
            _kill_ups(context, given.ups, others)
            if given.runs:
                _kill_runs(context, given.runs, others)
            if others - _list_processes(set()):
                raise SystemExit("the other stack lost a process")
            _say(f"the other stack kept its {len(others) - 1} processes")
        finally:
            finish(context, *_DOWN, _BYSTANDER)


if __name__ == "__main__":
    main()
