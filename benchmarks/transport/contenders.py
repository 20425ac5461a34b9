"""The HTTP clients of each measure, and how each of them runs."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

OURS = "ours, uvloop"
READER = "ours with its reader, uvloop"
SLEEP = "asyncio.sleep, uvloop"
AIOHTTP = "aiohttp"
AIOHTTP_UVLOOP = "aiohttp, uvloop"
HTTPX = "httpx, one client per VU"
FLOOR = "C with epoll"
MACHINE = "the machine itself"

_OURS_ASYNCIO = "ours, asyncio"
_READER_ASYNCIO = "ours with its reader, asyncio"
_SLEEP_ASYNCIO = "asyncio.sleep, asyncio"
# Name: module of the client, event loop, and whether it lives in the peers' environment.
_CLIENTS = {
    OURS: ("ours", "uvloop", False),
    _OURS_ASYNCIO: ("ours", "asyncio", False),
    READER: ("with_reader", "uvloop", False),
    _READER_ASYNCIO: ("with_reader", "asyncio", False),
    SLEEP: ("sleep", "uvloop", False),
    _SLEEP_ASYNCIO: ("sleep", "asyncio", False),
    AIOHTTP: ("with_aiohttp", "asyncio", True),
    AIOHTTP_UVLOOP: ("with_aiohttp", "uvloop", True),
    HTTPX: ("with_httpx", "asyncio", True),
    MACHINE: ("", "asyncio", False),
}
_TIMEOUT_S = 240


@dataclass(frozen=True)
class Row:
    """One measure at one number of VUs, with its contenders in their order."""

    measure: str
    users: int
    seconds: float
    contenders: tuple[str, ...]


ROWS = (
    *(Row("rate", users, 1.0, (OURS, _OURS_ASYNCIO, AIOHTTP, AIOHTTP_UVLOOP, HTTPX)) for users in (50, 200)),
    *(
        Row("streams", users, 1.2, (OURS, _OURS_ASYNCIO, READER, AIOHTTP, AIOHTTP_UVLOOP, HTTPX, FLOOR))
        for users in (50, 200)
    ),
    Row("burst", 100, 0.0, (OURS, _OURS_ASYNCIO, READER, AIOHTTP, HTTPX)),
    Row("flood", 50, 0.4, (OURS, _OURS_ASYNCIO, READER, AIOHTTP, HTTPX)),
    Row("lag", 20, 1.2, (OURS, _OURS_ASYNCIO, SLEEP, _SLEEP_ASYNCIO)),
    Row("memory", 2000, 0.0, (OURS, _OURS_ASYNCIO, HTTPX)),
)
PROFILES = {
    "requests/s, 200 connections": ("rate", _OURS_ASYNCIO, 200),
    "200 streams with the reader": ("streams", _READER_ASYNCIO, 200),
    "tokens at full speed, with the reader": ("flood", _READER_ASYNCIO, 50),
}


@dataclass(frozen=True)
class Runner:
    """Runs contenders, one at a time, on this process's cores.

    Attributes:
        port: Of the server.
        peers: The Python of the peers' environment.
        floor: The client in C.
    """

    port: int
    peers: Path
    floor: Path

    def run(self, row: Row, contender: str) -> dict[str, float]:
        """Return the numbers of one contender.

        Raises:
            RuntimeError: It failed; the message has its output.
        """
        if contender == FLOOR:
            return _json([str(self.floor), str(self.port), str(row.users), str(row.seconds)])
        return _json(self._command(row.measure, contender, row.users, row.seconds))

    def profile(self, measure: str, contender: str, users: int) -> dict[str, float]:
        """Return the functions that take most of the time, with their shares."""
        return _json([*self._command(measure, contender, users, 1.0), "--profile"])

    def hiccups(self) -> dict[str, float]:
        """Measure how much time other processes take from this core."""
        return _json(self._command("hiccups", MACHINE, 1, 0.3))

    def _command(self, measure: str, contender: str, users: int, seconds: float) -> list[str]:
        module, loop, is_peer = _CLIENTS[contender]
        python = str(self.peers) if is_peer else sys.executable
        given = {"client": module, "loop": loop, "port": self.port, "users": users, "seconds": seconds}
        options = [f"--{name}={value}" for name, value in given.items()]
        return [python, "-m", "benchmarks.transport.client", measure, *options]


def _json(command: list[str]) -> dict[str, float]:
    numbers: dict[str, float] = json.loads(_output(command))
    return numbers


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:4])} failed:\n{done.stderr[-2000:]}")
    return done.stdout
