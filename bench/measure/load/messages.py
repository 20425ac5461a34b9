"""Messages between the process of a run and its load generators, over pipes.

Both ends are processes of the same run, so pickle is safe. A load generator of another machine has the same
messages over an encrypted connection.
"""

import asyncio
import pickle
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.core.config.run_spec import RunSpec
from bench.core.response.remarks import Remarks
from bench.core.samples.sample import ResourceSample, Stall
from bench.core.samples.samples import SampleLog
from bench.core.samples.token_times import TokenTimes
from bench.measure.http.route import DIRECT, Route

_LENGTH = struct.Struct("!Q")


@dataclass(frozen=True, slots=True)
class Job:
    """The load that a load generator must send."""

    spec: RunSpec
    """The scenario, its targets and its messages."""
    base_urls: Sequence[str]
    """Address of the service of each target."""
    tokens: Sequence[str] = field(default=(), repr=False)
    """Bearer tokens of the test users; empty if the target needs none."""
    share: tuple[int, int] = (0, 1)
    """Number of this load generator, and the count of all of them."""
    route: Route = DIRECT
    """The way to the stack."""
    services: Mapping[str, str] = field(default_factory=dict)
    """Address of each service by name, for journeys."""
    trace_prefix: bytes | None = None
    """Beginning of the trace ids of the requests; `None` to send no `traceparent`."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The environment variables that the load uses. They may be secrets, so the process starts without."""
    reports_waits: bool = False
    """Whether batches have the planned times of the requests in progress."""


@dataclass(frozen=True, slots=True)
class Start:
    """Starts the next phase."""

    at_s: float
    """Start on CLOCK_MONOTONIC, which all processes of a machine share."""


@dataclass(frozen=True, slots=True)
class Renew:
    """Replaces tokens."""

    tokens: Mapping[int, str] = field(repr=False)
    """The new tokens by their number."""


@dataclass(frozen=True, slots=True)
class EndPhase:
    """Ends the phase as if its time were over: no request begins, and those in progress may end."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ends the load now. Requests in progress are recorded as cancelled."""


@dataclass(frozen=True, slots=True)
class WaitingForPhase:
    """Reports that the phase of this number can start."""

    phase: int
    """Index of the phase."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The data since the previous batch."""

    log: SampleLog
    """Requests that ended."""
    token_times: dict[int, TokenTimes]
    """Tokens of streamed responses, by phase."""
    in_flight: int = 0
    """Number of requests in progress now."""
    waits_s: Sequence[float] = ()
    """Planned times of these requests, in seconds since the start of the run, if the job asks for them."""
    remarks: Remarks = field(default_factory=Remarks)
    """Observations about the answers."""
    generator: int = 0
    """Number of the load generator that sent it, which the run adds."""


@dataclass(frozen=True, slots=True)
class Alive:
    """A sign of life, sent at regular times while a job runs."""

    pause: Stall | None = None
    """Time before it in which the process did not run."""
    longest_turn_s: float = 0.0
    """Longest time without a turn of the loop, of the whole load so far."""
    long_turns: Sequence[Stall] = ()
    """Times without a turn that delayed requests, since the previous sign of life."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Resources that a load generator of another machine uses. Others are read by the run itself."""

    at_s: float
    """Time of the reading on CLOCK_MONOTONIC."""
    generator: ResourceSample | None
    """The process; its time is 0, and its source is open."""
    machine: ResourceSample | None
    """Its machine, likewise."""


@dataclass(frozen=True, slots=True)
class Finished:
    """Reports that the load ended and that all batches are sent."""

    at_s: float
    """End on CLOCK_MONOTONIC."""
    http_versions: frozenset[str] = frozenset()
    """HTTP versions of the newest replies of all VUs, such as `1.1`."""


async def receive(reader: asyncio.StreamReader) -> Any:
    """Return the next message.

    Raises:
        EOFError: The other process ended.
    """
    return load(await receive_content(reader))


async def receive_content(reader: asyncio.StreamReader) -> bytes:
    """Return the bytes of the next message, for a process that passes it on.

    Raises:
        EOFError: The other process ended.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise EOFError from error


def send(writer: asyncio.StreamWriter, message: object) -> None:
    """Send a message. `await writer.drain()` waits until the pipe has room again."""
    send_content(writer, dump(message))


def send_content(writer: asyncio.StreamWriter, content: bytes) -> None:
    """Send the bytes of a message."""
    writer.write(_LENGTH.pack(len(content)) + content)


def dump(message: object) -> bytes:
    """Return the bytes of a message."""
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def load(content: bytes) -> Any:
    """Return the message of these bytes."""
    return pickle.loads(content)  # noqa: S301 - see above
