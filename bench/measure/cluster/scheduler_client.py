"""Connect to a Dask scheduler, and explain why none answers."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from bench.errors import TargetError
from bench.measure.cluster.access import SchedulerAccess
from bench.measure.cluster.dask_programs import require_dask

if TYPE_CHECKING:
    from distributed import Client

TIMEOUT_S = 10.0
"""Longest time for a connection."""
_RETRY_S = 0.5
# Errors of Dask about a scheduler that does not answer, or about bytes of another program.
_NO_SCHEDULER = (OSError, MemoryError, ValueError)
_OTHER_SETTINGS = "another program listens there, or only one of both sides uses TLS"


@asynccontextmanager
async def connect_client(access: SchedulerAccess, wait_s: float = 0.0) -> "AsyncIterator[Client]":
    """Provide a connection to a scheduler.

    Args:
        access: The way to it.
        wait_s: Longest time to wait until a program listens there.

    Raises:
        ConfigError: Dask is missing.
        TargetError: The scheduler does not answer.
    """
    require_dask()
    await asyncio.to_thread(_require_listener, access, wait_s)
    from distributed import Client  # noqa: PLC0415 - half a second, and an optional package

    async with AsyncExitStack() as closing:
        try:
            client = await closing.enter_async_context(
                Client(
                    access.address,
                    security=access.make_security(),
                    asynchronous=True,
                    set_as_default=False,
                    timeout=TIMEOUT_S,
                )
            )
        except _NO_SCHEDULER as error:
            raise _describe_silence(access, _OTHER_SETTINGS) from error
        yield client


async def read_registered(client: "Client") -> Mapping[str, Any]:
    """Return the entry of each worker of a scheduler, by its address."""
    scheduler: Any = client.scheduler
    identity = await scheduler.identity(n_workers=-1)
    registered: Mapping[str, Any] = identity["workers"]
    return registered


def _require_listener(access: SchedulerAccess, wait_s: float) -> None:
    """Check that a program listens at the address of a scheduler. Dask itself tries again until its timeout.

    Raises:
        TargetError: None does.
    """
    end_s = time.monotonic() + wait_s
    while True:
        try:
            socket.create_connection((access.host, access.port), TIMEOUT_S).close()
        except (OSError, UnicodeError) as error:
            if time.monotonic() >= end_s:
                raise _describe_silence(access, getattr(error, "strerror", None) or str(error)) from error
        else:
            return
        time.sleep(_RETRY_S)


def _describe_silence(access: SchedulerAccess, reason: str) -> TargetError:
    """Return the error about a scheduler that does not answer.

    Args:
        access: The way to it.
        reason: Why it does not.
    """
    tls = "without TLS" if access.certificates is None else "with these certificates"
    return TargetError(
        f"no scheduler answers at {access} {tls}: {reason}",
        "start one: bench workers up; for one with TLS, set BENCH_CERTIFICATES",
    )
