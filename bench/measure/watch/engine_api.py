"""Docker's Engine API over its socket or TCP: what containers use, and whether they run.

Source: https://docs.docker.com/reference/api/engine/version/v1.41/ ; the memory in use is reckoned as
`docker stats` does it: https://docs.docker.com/reference/cli/docker/container/stats/
"""

import json
import os
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import BaseModel, Field, ValidationError

from bench.errors import TargetError
from bench.measure.watch.engine_place import SOCKET, Place

_SCHEMES = {"unix", "tcp", "http"}
_TIMEOUT_S = 5.0
_NOT_FOUND = 404


class _Cpu(BaseModel):
    class Usage(BaseModel):
        total_usage: int = 0

    class Throttling(BaseModel):
        periods: int = 0
        throttled_time: int = 0

    cpu_usage: Usage = Usage()
    throttling_data: Throttling = Throttling()


class _Memory(BaseModel):
    usage: int = 0
    limit: int | None = None
    stats: dict[str, int] = {}


class _Network(BaseModel):
    rx_bytes: int = 0
    tx_bytes: int = 0


class _Blocks(BaseModel):
    class Entry(BaseModel):
        op: str
        value: int

    io_service_bytes_recursive: list[Entry] | None = None


class Stats(BaseModel):
    """`GET /containers/{id}/stats`, as far as it is read."""

    read: datetime
    cpu_stats: _Cpu = _Cpu()
    memory_stats: _Memory = _Memory()
    networks: dict[str, _Network] | None = None
    blkio_stats: _Blocks = _Blocks()

    @property
    def cpu_ns(self) -> int:
        """Nanoseconds of a processor that it had, since it started."""
        return self.cpu_stats.cpu_usage.total_usage

    @property
    def throttled_ms(self) -> int | None:
        """For how long its quota was used up, since it started; None where it has none."""
        found = self.cpu_stats.throttling_data
        return found.throttled_time // 1_000_000 if found.periods else None

    @property
    def memory_bytes(self) -> int:
        """Its working set: what it uses without the files' pages that the kernel may take back."""
        memory = self.memory_stats
        # The first name is that of cgroup v1, the second that of v2.
        cached = memory.stats.get("total_inactive_file", memory.stats.get("inactive_file", 0))
        return max(0, memory.usage - cached)

    @property
    def network_bytes(self) -> tuple[int, int] | None:
        """Received and sent; None for a container in the machine's network, which has none of its own."""
        if self.networks is None:
            return None
        each = self.networks.values()
        return sum(one.rx_bytes for one in each), sum(one.tx_bytes for one in each)

    @property
    def disk_bytes(self) -> tuple[int, int] | None:
        """Read and written; None when the kernel does not count it, or has counted nothing yet."""
        entries = self.blkio_stats.io_service_bytes_recursive
        if not entries:
            return None
        read, written = (
            sum(entry.value for entry in entries if entry.op.lower() == name) for name in ("read", "write")
        )
        return read, written


class _Health(BaseModel):
    status: str = Field(alias="Status")


class State(BaseModel):
    """The state of a container, as far as it is read."""

    running: bool = Field(alias="Running")
    status: str = Field(alias="Status")
    oom_killed: bool = Field(alias="OOMKilled", default=False)
    started_at: str = Field(alias="StartedAt", default="")
    finished_at: str = Field(alias="FinishedAt", default="")
    health: _Health | None = Field(alias="Health", default=None)

    @property
    def trouble(self) -> str | None:
        """What is wrong with it; None when it runs, and is healthy where it says so."""
        if not self.running:
            return f"{self.status}, for want of memory" if self.oom_killed else self.status
        well = self.health is None or self.health.status in {"healthy", "none"}
        return None if well or self.health is None else self.health.status


class Inspected(BaseModel):
    """`GET /containers/{id}/json`, as far as it is read."""

    restart_count: int = Field(alias="RestartCount", default=0)
    state: State = Field(alias="State")


class _Actor(BaseModel):
    id: str = Field(alias="ID")


class OomKill(BaseModel):
    """An event of `GET /events`, as far as it is read."""

    actor: _Actor = Field(alias="Actor")
    at_ns: int = Field(alias="timeNano")


Answer = TypeVar("Answer", Stats, Inspected, OomKill)


class EngineApi:
    """A connection to Docker's engine; `close` it.

    Args:
        place: Where it is.

    Raises:
        TargetError: It cannot be asked there.
    """

    def __init__(self, place: Place) -> None:
        scheme, _, address = place.host.partition("://")
        if scheme not in _SCHEMES:
            raise TargetError(f"{place}: only unix:// and tcp:// can be asked", _instead(scheme, address))
        self._place = place
        self._socket = Path(address) if scheme == "unix" else None
        tls = None if place.tls is None or self._socket is not None else place.tls.context()
        url = "docker" if self._socket is not None else address
        try:
            self._client = httpx.AsyncClient(
                transport=httpx.AsyncHTTPTransport(
                    uds=address if self._socket is not None else None,
                    verify=True if tls is None else tls,
                ),
                base_url=f"http://{url}" if tls is None else f"https://{url}",
                timeout=_TIMEOUT_S,
            )
        except httpx.InvalidURL as error:
            raise TargetError(f"{place}: that is no address: {error}") from error

    async def stats(self, container: str) -> Stats | None:
        """What a container uses; None when there is none of that id. Raises as `inspected` does.

        The engine looks once a second and answers when it next does, even when it is asked for one shot.
        """
        content = await self._get(f"/containers/{container}/stats", {"stream": "false", "one-shot": "true"})
        return None if content is None else _read(Stats, content)

    async def inspected(self, container: str) -> Inspected | None:
        """The state of a container; None when there is none of that id.

        Raises:
            TargetError: The engine does not answer, or answers something else.
        """
        content = await self._get(f"/containers/{container}/json", {})
        return None if content is None else _read(Inspected, content)

    async def oom_kills(self, containers: Collection[str], seen_s: tuple[float, float]) -> list[OomKill]:
        """When the kernel ended a process of a container for want of memory, as far as the engine remembers.

        Args:
            containers: Their ids.
            seen_s: From when until when, in seconds since 1970.

        Raises:
            TargetError: As `inspected` does.
        """
        since_s, until_s = seen_s
        filters = {"type": ["container"], "event": ["oom"], "container": [*containers]}
        query = {"since": f"{since_s:.9f}", "until": f"{until_s:.9f}", "filters": json.dumps(filters)}
        content = await self._get("/events", query)
        return [_read(OomKill, line) for line in (content or b"").splitlines() if line]

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def _get(self, path: str, query: Mapping[str, str]) -> bytes | None:
        try:
            response = await self._client.get(path, params=dict(query))
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise TargetError(f"{self._place}: {self._why(error)}") from error
        if response.status_code == _NOT_FOUND:
            return None
        if response.is_error:
            raise TargetError(f"{self._place} answered {response.status_code}")
        return response.content

    def _why(self, error: Exception) -> str:
        if self._socket is not None and not self._socket.exists():
            return "there is no such socket"
        if self._socket is not None and not os.access(self._socket, os.R_OK | os.W_OK):
            return "this user may not use the socket"
        return f"{type(error).__name__}: {error}".removesuffix(": ")


def _instead(scheme: str, address: str) -> str | None:
    """What to do where an engine is not asked."""
    if scheme != "ssh":
        return None
    machine, _, path = address.partition("/")
    there = f"/{path}" if path else SOCKET.removeprefix("unix://")
    forwarded = "/tmp/docker.sock"  # noqa: S108 - an example for people
    return f"ssh -nNT -L {forwarded}:{there} ssh://{machine}, and DOCKER_HOST=unix://{forwarded}"


def _read(model: type[Answer], content: bytes) -> Answer:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise TargetError(f"Docker's engine answered something else than the {model.__name__}") from error
