"""The Dask workers of a cluster as load generators: find them, check their versions, and open them."""

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from bench.core.values import wording
from bench.errors import ConfigError, MeasurementError
from bench.measure.cluster.access import SchedulerAccess
from bench.measure.cluster.comm import Comm
from bench.measure.cluster.on_worker import OPERATION, REFUSED, greet
from bench.measure.cluster.remote_generator import RemoteGenerator
from bench.measure.cluster.scheduler_client import TIMEOUT_S, connect_client, read_registered
from bench.measure.cluster.versions import MachineCard, read_card
from bench.measure.load.workers import Workers


@dataclass(frozen=True, slots=True)
class ClusterWorker:
    """A Dask worker that can generate load."""

    name: str
    """Its name."""
    address: str
    """Its address."""
    card: MachineCard
    """Versions and names of its machine."""
    shares_loopback: bool
    """Whether it reaches the loopback addresses of this machine."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The Dask workers of a run."""

    access: SchedulerAccess
    """The way to their scheduler."""
    workers: tuple[ClusterWorker, ...]
    """The workers, in the order of their shares."""


def find_cluster(access: SchedulerAccess) -> Cluster:
    """Return the Dask workers that a run uses, in the order of their names.

    Raises:
        ConfigError: A package is missing, there are too few workers, or one of them has other versions or
            generates load for another run.
        TargetError: The scheduler does not answer.
    """
    return Cluster(access, asyncio.run(_find_workers(access)))


@asynccontextmanager
async def start_generators(cluster: Cluster) -> AsyncIterator[Workers]:
    """Open a load generator on each Dask worker of a run, and stop them after the block.

    Raises:
        MeasurementError: A worker cannot be reached, generates load for another run, or starts no agent.
    """
    run = f"process {os.getpid()} on {socket.gethostname()}"
    generators: list[RemoteGenerator] = []
    try:
        for worker in cluster.workers:  # in one order, so that of two runs at once one gets all
            comm = await _open(worker, cluster.access, run)
            generators.append(RemoteGenerator(worker.name, worker.card, comm))
        await asyncio.gather(*(generator.open() for generator in generators))
        yield Workers(generators, goes_on=True)
    finally:
        await asyncio.gather(*(generator.stop() for generator in generators))


async def _open(worker: ClusterWorker, access: SchedulerAccess, run: str) -> Comm:
    """Return the connection to an agent that a Dask worker starts."""
    from distributed.comm.core import connect  # noqa: PLC0415 - half a second, and an optional package

    place = f"worker '{worker.name}' at {worker.address}"
    try:
        comm: Comm = await connect(worker.address, timeout=TIMEOUT_S, **_connection_options(access))
        await comm.write({"op": OPERATION, "run": run, "reply": False})
        answer = await comm.read()
    except OSError as error:
        hint = "run bench on a machine that reaches the workers, for example in the cluster"
        raise MeasurementError(f"{place} cannot be reached: {error}", hint) from error
    if REFUSED in answer:
        comm.abort()
        raise MeasurementError(_describe_busy(worker.name, answer[REFUSED]), "wait until it ends")
    return comm


def _connection_options(access: SchedulerAccess) -> dict[str, Any]:
    security = access.make_security()
    return {} if security is None else security.get_connection_args("client")


def _describe_busy(name: str, run: str) -> str:
    return f"worker '{name}' generates load for another run: {run}"


async def _find_workers(access: SchedulerAccess) -> tuple[ClusterWorker, ...]:
    async with connect_client(access) as client:
        registered = await read_registered(client)
        names = {address: str(entry["name"]) for address, entry in registered.items()}
        chosen = _choose(names, access)
        cards = await client.run(greet, workers=[*chosen], on_error="return")
    return _check(chosen, cards)


def _choose(names: Mapping[str, str], access: SchedulerAccess) -> dict[str, str]:
    """Return the names of the workers that a run uses, by their address.

    Args:
        names: Names of all workers, by their address.
        access: The scheduler, and the number of workers to use.

    Raises:
        ConfigError: There are too few.
    """
    needed = access.workers or 1
    if len(names) < needed:
        count = wording.counted(len(names), "load generator")
        hint = f"on another machine: bench workers join {replace(access, workers=None)}"
        raise ConfigError(f"--workers {access}: the scheduler has {count} instead of {needed}", hint)
    ordered = sorted(names, key=lambda address: (natural_order(names[address]), address))
    return {address: names[address] for address in ordered[: access.workers]}


def natural_order(name: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts `worker-10` after `worker-9`."""
    parts = re.split(r"(\d+)", name)
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)


def _check(names: Mapping[str, str], cards: Mapping[str, Any]) -> tuple[ClusterWorker, ...]:
    """Return the workers with their cards.

    Args:
        names: Names of the chosen workers, by their address, in the order of their shares.
        cards: Their answers: a card, or an exception.

    Raises:
        ConfigError: Workers lack bench, have other versions, or generate load for another run.
    """
    own = read_card()
    workers: list[ClusterWorker] = []
    errors: list[ConfigError] = []
    for address, name in names.items():
        card: MachineCard | Exception | None = cards.get(address)
        error = find_mismatch(name, card, own)
        if error is None and isinstance(card, dict):
            workers.append(ClusterWorker(name, address, card, card["network"] == own["network"]))
        elif error is not None:
            errors.append(error)
    if errors:
        raise ConfigError.of_all(errors)
    return tuple(workers)


def find_mismatch(name: str, card: MachineCard | Exception | None, own: MachineCard) -> ConfigError | None:
    """Return why a worker cannot generate load; `None` if it can.

    Args:
        name: Its name.
        card: Its card, or the exception that it raised instead.
        own: The card of this machine.
    """
    same = f"install the same there: pip install 'chatbench[cluster]=={own['bench']}'"
    if isinstance(card, Exception) or card is None:
        if "ModuleNotFoundError" in repr(card):  # Dask passes it on as its text
            return ConfigError(f"worker '{name}' lacks bench, or has another version: {card}", same)
        return ConfigError(f"worker '{name}' did not answer: {card}", "see its log")
    host = card["host"]
    if _minor(card["python"]) != _minor(own["python"]):
        versions = f"Python {card['python']}, this machine has {own['python']}"
        return ConfigError(
            f"worker '{name}' on {host} has {versions}", "use the same version of Python on both"
        )
    if (card["bench"], card["code"]) != (own["bench"], own["code"]):
        versions = f"bench {_describe_code(card)}, this machine has {_describe_code(own)}"
        return ConfigError(f"worker '{name}' on {host} has {versions}", same)
    if card["run"]:
        return ConfigError(_describe_busy(name, card["run"]), "wait until it ends, or use other workers")
    return None


def _minor(python: str) -> list[str]:
    """Return the part of a version of Python on which the format of messages depends."""
    return python.split(".")[:2]


def _describe_code(card: MachineCard) -> str:
    return f"{card['bench']} (code {card['code']})"
