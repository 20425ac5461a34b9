"""A fake Docker engine: its API on a socket or on loopback, with containers that a test can change."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

API_VERSION = "1.45"


class FakeContainer:
    """A container of the fake engine."""

    def __init__(self) -> None:
        self.at_s = 0
        self.restart_count = 0
        """Restarts by the engine itself."""
        self.oom_kills_ns: list[int] = []
        """Times of the out-of-memory kills, in nanoseconds."""
        self.hangs = False
        """Every request of the engine remains without an answer."""
        self.state: dict[str, Any] = {
            "Running": True,
            "Status": "running",
            "OOMKilled": False,
            "FinishedAt": "0001-01-01T00:00:00Z",
            "StartedAt": "2026-01-05T11:00:00.000000001Z",
            "Health": {"Status": "healthy"},
        }
        """The `State` object of `/json`."""
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
        """The answer of `/stats`, without its time."""

    def pass_time(self, seconds: int, cpu_s: float) -> None:
        """Move the engine's clock, and the container's processor time."""
        self.at_s += seconds
        self.stats["cpu_stats"]["cpu_usage"]["total_usage"] += int(cpu_s * 1e9)

    def events(self, container: str) -> bytes:
        """Return the answer of `/events`: a line for each kill."""
        lines = [
            json.dumps({"Action": "oom", "Actor": {"ID": container}, "timeNano": at_ns}) + "\n"
            for at_ns in self.oom_kills_ns
        ]
        return "".join(lines).encode()

    def document(self, path: str) -> dict[str, Any]:
        """Return the answer of `/json` or `/stats`."""
        if path.endswith("/json"):
            return {"Id": "x", "RestartCount": self.restart_count, "State": self.state}
        assert path.endswith("/stats?stream=False&one-shot=True")
        return {"read": f"2026-01-05T12:{self.at_s // 60:02}:{self.at_s % 60:02}.123456789Z", **self.stats}


@asynccontextmanager
async def engine(path: Path, containers: dict[str, FakeContainer]) -> AsyncIterator[None]:
    """Serve the API on a socket.

    An unknown container gives 404. The container `broken` gives other content, `failing` gives 500.
    """
    server = _Server(containers)
    listener = await asyncio.start_unix_server(server.serve, path)
    try:
        yield
    finally:
        await server.close(listener)


@asynccontextmanager
async def engine_at(tls: ssl.SSLContext | None, containers: dict[str, FakeContainer]) -> AsyncIterator[str]:
    """Serve the API on loopback; the value is its address for DOCKER_HOST."""
    server = _Server(containers)
    listener = await asyncio.start_server(
        server.serve, "127.0.0.1", 0, ssl=tls, ssl_handshake_timeout=1.0 if tls else None
    )
    try:
        yield f"tcp://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        await server.close(listener)


class _Server:
    def __init__(self, containers: Mapping[str, FakeContainer]) -> None:
        self._containers = containers
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = re.sub(r"^/v[0-9.]+", "", head.split(" ", 2)[1])
                if path != "/version" and any(fake.hangs for fake in self._containers.values()):
                    await asyncio.Event().wait()
                status, body = self._answer(path)
                writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass

    async def close(self, listener: asyncio.Server) -> None:
        """Close all connections and the listener.

        Python 3.11 cannot wait for connections whose TLS handshake failed, and leaks those that it accepts
        while the listener closes. So this polls until the handshake's timeout has closed them.
        """
        await asyncio.sleep(0.05)  # accepts waiting connections
        for writer in self._writers:
            writer.transport.abort()
        for _ in range(500):
            await asyncio.sleep(0.01)
            if not getattr(listener, "_active_count", 0):
                break
        listener.close()

    def _answer(self, path: str) -> tuple[str, bytes]:
        if path == "/version":
            return "200 OK", json.dumps({"ApiVersion": API_VERSION}).encode()
        if path.startswith("/events"):
            return "200 OK", b"".join(fake.events(name) for name, fake in self._containers.items())
        name = path.split("/")[2] if path.count("/") > 1 else ""
        if name in self._containers:
            return "200 OK", json.dumps(self._containers[name].document(path)).encode()
        if name == "broken":
            return "200 OK", b"{}"
        if name == "failing":
            return "500 Internal Server Error", b'{"message": "out of order"}'
        return "404 Not Found", b'{"message": "No such container"}'
