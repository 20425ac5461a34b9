"""Servers of this machine that tests start for themselves, on loopback and in a temporary folder."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.eventually import eventually


@dataclass(frozen=True)
class RedisServer:
    """A Redis server that listens."""

    url: str
    """Address of the server."""
    process: subprocess.Popen[bytes]
    """Process of the server."""


@contextmanager
def serving_redis(folder: Path, port: int | None = None) -> Iterator[RedisServer]:
    """Run a Redis server without persistence inside the block. Skip the test where Redis is not installed.

    Args:
        folder: Working folder of the server.
        port: Port of a server that ended before; any free port by default.
    """
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    process, chosen_port = _start_redis(program, folder, port)
    try:
        yield RedisServer(f"redis://127.0.0.1:{chosen_port}/0", process)
    finally:
        process.kill()
        process.wait()


def _start_redis(program: str, folder: Path, port: int | None) -> tuple[subprocess.Popen[bytes], int]:
    """Start Redis, on another port again if a process took the free port first."""
    while True:
        chosen_port = port or free_port()
        options = ["--port", str(chosen_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        process = subprocess.Popen(
            [program, *options, "--dir", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if eventually(lambda: _state(process, chosen_port)) == "listens":  # noqa: B023 - called at once
            return process, chosen_port
        assert port is None, f"Redis cannot listen on port {port}"


def _state(process: subprocess.Popen[bytes], port: int) -> str:
    """Return `ended`, `listens`, or an empty text for a server that is still starting."""
    if process.poll() is not None:
        return "ended"
    with socket.socket() as connection:
        return "" if connection.connect_ex(("127.0.0.1", port)) else "listens"


def free_port() -> int:
    """Return a port of loopback that was free a moment ago."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
