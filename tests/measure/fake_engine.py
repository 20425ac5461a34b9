"""Docker's Engine API on a socket, with containers that a test changes as it likes."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.measure.loopback import Script

API_VERSION = "1.45"


class FakeContainer:
    """A container: what the engine says of it.

    Attributes:
        stats: Of `/stats`.
        state: Of `/json`, below `State`.
        restart_count: How often the engine started it again by itself.
        oom_kills_ns: When the kernel ended a process of it for want of memory.
    """

    def __init__(self) -> None:
        self.at_s = 0
        self.restart_count = 0
        self.oom_kills_ns: list[int] = []
        self.hangs = False
        self.state: dict[str, Any] = {
            "Running": True,
            "Status": "running",
            "OOMKilled": False,
            "FinishedAt": "0001-01-01T00:00:00Z",
            "StartedAt": "2026-01-05T11:00:00.000000001Z",
            "Health": {"Status": "healthy"},
        }
        self.stats: dict[str, Any] = {
            "cpu_stats": {
                "cpu_usage": {"total_usage": 0},
                "online_cpus": 2,
                "throttling_data": {"periods": 20, "throttled_periods": 2, "throttled_time": 70_900_000},
            },
            "memory_stats": {
                "usage": 70_000_000,
                "limit": 100_000_000,
                "stats": {"inactive_file": 20_000_000},
            },
            "networks": {"eth0": {"rx_bytes": 1000, "tx_bytes": 10}, "eth1": {"rx_bytes": 1, "tx_bytes": 2}},
            "blkio_stats": {
                "io_service_bytes_recursive": [
                    {"major": 8, "minor": 0, "op": "read", "value": 4096},
                    {"major": 8, "minor": 0, "op": "write", "value": 512},
                    {"major": 8, "minor": 16, "op": "Read", "value": 4},
                ]
            },
        }

    def pass_time(self, seconds: int, cpu_s: float) -> None:
        """Let time pass by the engine's clock, in which it uses a processor."""
        self.at_s += seconds
        self.stats["cpu_stats"]["cpu_usage"]["total_usage"] += int(cpu_s * 1e9)

    def events(self, container: str) -> bytes:
        """What `/events` says of it, a line each."""
        kills = [{"Action": "oom", "Actor": {"ID": container}, "timeNano": at} for at in self.oom_kills_ns]
        return "".join(json.dumps(each) + "\n" for each in kills).encode()

    def document(self, path: str) -> dict[str, Any]:
        """What is answered."""
        if path.endswith("/json"):
            return {"Id": "x", "RestartCount": self.restart_count, "State": self.state}
        assert path.endswith("/stats?stream=False&one-shot=True")
        return {"read": f"2026-01-05T12:{self.at_s // 60:02}:{self.at_s % 60:02}.123456789Z", **self.stats}


@asynccontextmanager
async def engine(path: Path, containers: dict[str, FakeContainer]) -> AsyncIterator[None]:
    """The engine on a socket; a container that is none is answered with 404, `broken` with nonsense."""
    listener = await asyncio.start_unix_server(_serving(containers), path)
    try:
        yield
    finally:
        listener.close()


@asynccontextmanager
async def engine_at(tls: ssl.SSLContext | None, containers: dict[str, FakeContainer]) -> AsyncIterator[str]:
    """The engine on loopback, with its address as DOCKER_HOST has it."""
    listener = await asyncio.start_server(_serving(containers), "127.0.0.1", 0, ssl=tls)
    try:
        yield f"tcp://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()


def _serving(containers: dict[str, FakeContainer]) -> Script:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                asked = re.sub(r"^/v[0-9.]+", "", head.split(" ", 2)[1])
                name = asked.split("/")[2] if asked.count("/") > 1 else ""
                status, body = "404 Not Found", b'{"message": "No such container"}'
                if asked == "/version":
                    status, body = "200 OK", json.dumps({"ApiVersion": API_VERSION}).encode()
                elif any(container.hangs for container in containers.values()):
                    await asyncio.Event().wait()
                elif asked.startswith("/events"):
                    status, body = "200 OK", b"".join(each.events(name) for name, each in containers.items())
                elif name in containers:
                    status, body = "200 OK", json.dumps(containers[name].document(asked)).encode()
                elif name == "broken":
                    status, body = "200 OK", b"{}"
                elif name == "failing":
                    status, body = "500 Internal Server Error", b'{"message": "out of order"}'
                writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    return serve
