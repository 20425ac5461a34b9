"""List the workers of a scheduler: where they run, which version they have, and whether they are busy."""

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from bench.errors import TargetError
from bench.measure.cluster.access import SchedulerAccess
from bench.measure.cluster.dask_programs import require_dask

if TYPE_CHECKING:
    from distributed import Client

_TIMEOUT_S = 10.0


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
    """Number of cores that it may use; `None` if `bench` is missing there."""
    is_busy: bool
    """Whether it sends a share of a load now."""


def list_workers(access: SchedulerAccess) -> list[ListedWorker]:
    """Return the workers of a scheduler, by name.

    Raises:
        ConfigError: Dask is missing.
        TargetError: The scheduler does not answer.
    """
    with connect_client(access) as client:
        registered: Mapping[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
        described: Mapping[str, Any] = client.run(_describe_machine, on_error="return")
        processing: Mapping[str, Any] = client.processing()
    workers = []
    for address, entry in registered.items():
        machine = described.get(address)
        facts = machine if isinstance(machine, dict) else {}
        workers.append(
            ListedWorker(
                name=str(entry["name"]),
                host=facts.get("host", entry["host"]),
                version=facts.get("version"),
                cores=facts.get("cores"),
                is_busy=bool(processing.get(address)),
            )
        )
    return sorted(workers, key=lambda worker: worker.name)


def await_workers(access: SchedulerAccess, count: int, timeout_s: float) -> None:
    """Wait until a scheduler answers and has this number of workers.

    Raises:
        TargetError: They did not join in time.
    """
    with connect_client(access) as client:
        try:
            if count:
                client.wait_for_workers(count, timeout=timeout_s)
        except TimeoutError as error:
            joined = len(client.scheduler_info(n_workers=-1)["workers"])
            raise TargetError(f"only {joined} of {count} workers joined in {timeout_s:g} s") from error


@contextmanager
def connect_client(access: SchedulerAccess) -> "Iterator[Client]":
    """Provide a connection to a scheduler.

    Raises:
        ConfigError: Dask is missing.
        TargetError: The scheduler does not answer.
    """
    require_dask()
    from distributed import Client  # noqa: PLC0415 - half a second, and an optional package

    try:
        client = Client(
            access.address, security=access.make_security(), timeout=_TIMEOUT_S, set_as_default=False
        )
    except (OSError, TimeoutError) as error:
        reason = "with these certificates" if access.certificates else "without TLS"
        raise TargetError(
            f"no scheduler answers at {access} {reason}",
            "start one: bench workers up; for one with TLS, set BENCH_CERTIFICATES",
        ) from error
    try:
        yield client
    finally:
        client.close()


def _describe_machine() -> dict[str, Any]:
    """Return the facts of the machine on which this function runs."""
    return {
        "host": platform.node(),
        "version": metadata.version("chatbench"),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }
