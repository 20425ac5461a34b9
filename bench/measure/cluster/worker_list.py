"""List the workers of a scheduler: where they run, which version they have, and whether they are busy."""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.core.load.clock_offset import ClockOffset, ClockReading, estimate_offset
from bench.errors import TargetError
from bench.measure.cluster.access import SchedulerAccess
from bench.measure.cluster.cluster import natural_order
from bench.measure.cluster.on_worker import greet
from bench.measure.cluster.scheduler_client import connect_client, read_registered

if TYPE_CHECKING:
    from distributed import Client

_ROUND_TRIPS = 7
_RETRY_S = 0.2


@dataclass(frozen=True, slots=True)
class ListedWorker:
    """A machine, or a part of one, that may send a share of a load."""

    name: str
    """Its name, unique in the cluster."""
    host: str
    """Name of its machine."""
    version: str | None
    """Version of `bench` there; `None` if it has none."""
    cores: int | None
    """Number of cores of its machine; `None` if it did not answer."""
    clock: ClockOffset | None
    """Its monotonic clock, compared with that of this machine; `None` if it did not answer."""
    run: str
    """The run for which it sends a share of a load now; empty if there is none."""


def list_workers(access: SchedulerAccess) -> list[ListedWorker]:
    """Return the workers of a scheduler, by name.

    Raises:
        ConfigError: Dask is missing.
        TargetError: The scheduler does not answer.
    """
    return asyncio.run(_list_workers(access))


async def _list_workers(access: SchedulerAccess) -> list[ListedWorker]:
    async with connect_client(access) as client:
        registered = await read_registered(client)
        cards: Mapping[str, Any] = await client.run(greet, on_error="return")
        cores: Mapping[str, Any] = await client.run(os.cpu_count, on_error="return")
        clocks = await _compare_clocks(client)
    workers: list[ListedWorker] = []
    for address, entry in registered.items():
        card = cards.get(address)
        answer: Mapping[str, str] = card if isinstance(card, dict) else {}
        count = cores.get(address)
        workers.append(
            ListedWorker(
                name=str(entry["name"]),
                host=answer.get("host", entry["host"]),
                version=answer.get("bench"),
                cores=count if isinstance(count, int) else None,
                clock=clocks.get(address),
                run=answer.get("run", ""),
            )
        )
    return sorted(workers, key=lambda worker: natural_order(worker.name))


async def _compare_clocks(client: "Client") -> dict[str, ClockOffset]:
    """Return the clock of each worker.

    The scheduler passes the questions on, so the error is larger than in a run.
    """
    readings: dict[str, list[ClockReading]] = {}
    for _ in range(_ROUND_TRIPS):
        asked_s = time.monotonic()
        answers: Mapping[str, Any] = await client.run(time.monotonic, on_error="return")
        answered_s = time.monotonic()
        for address, there_s in answers.items():
            if isinstance(there_s, float):
                readings.setdefault(address, []).append(ClockReading(asked_s, there_s, answered_s))
    return {address: estimate_offset(trips) for address, trips in readings.items()}


def await_workers(access: SchedulerAccess, count: int, timeout_s: float) -> None:
    """Wait until a scheduler answers and has this number of workers.

    Raises:
        ConfigError: Dask is missing.
        TargetError: It does not answer, or they did not join in time.
    """
    asyncio.run(_await_workers(access, count, timeout_s))


async def _await_workers(access: SchedulerAccess, count: int, timeout_s: float) -> None:
    end_s = time.monotonic() + timeout_s
    async with connect_client(access, timeout_s) as client:
        while len(registered := await read_registered(client)) < count:
            if time.monotonic() >= end_s:
                raise TargetError(f"only {len(registered)} of {count} workers joined in {timeout_s:g} s")
            await asyncio.sleep(_RETRY_S)
