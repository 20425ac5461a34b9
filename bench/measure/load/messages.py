"""What a run's processes say to each other, over pipes.

Both ends are ours, so pickle may be used.
"""

import asyncio
import pickle
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bench.core.config.run_spec import RunSpec
from bench.core.samples.samples import SampleLog
from bench.core.values.histogram import Histogram

_LENGTH = struct.Struct("!Q")


class TransportChoice(StrEnum):
    """Who speaks HTTP."""

    OWN = "own"
    HTTPX = "httpx"


@dataclass(frozen=True, slots=True)
class Job:
    """A load to give.

    Attributes:
        spec: What to do.
        base_urls: Of the service that offers the target, and of the one that offers the target beside.
        tokens: Of the virtual users; none when the target asks for none.
        share: Which of how many equal shares of the load.
        transport: Who speaks HTTP.
    """

    spec: RunSpec
    base_urls: Sequence[str]
    tokens: Sequence[str] = field(default=(), repr=False)
    share: tuple[int, int] = (0, 1)
    transport: TransportChoice = TransportChoice.OWN


@dataclass(frozen=True, slots=True)
class Start:
    """Begin the next stage at this moment of CLOCK_MONOTONIC, which all processes of a machine share."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Renew:
    """Use other tokens from now on, by number."""

    tokens: Mapping[int, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TakeBack:
    """End the load now; what is under way is recorded as cancelled."""


@dataclass(frozen=True, slots=True)
class WaitingForPhase:
    """All connections are open, or a stage is over, and the stage of this number can begin."""

    phase: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What was measured since the last one.

    Attributes:
        log: Requests that are over.
        token_gaps: By stage.
        in_flight: How many requests are under way now.
    """

    log: SampleLog
    token_gaps: dict[int, Histogram]
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The load was over at this moment of CLOCK_MONOTONIC, and all batches are sent."""

    at_s: float


async def receive(reader: asyncio.StreamReader) -> Any:
    """The next value.

    Raises:
        EOFError: The other end is gone.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return pickle.loads(await reader.readexactly(length))  # noqa: S301 - see above
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise EOFError from error


def send(writer: asyncio.StreamWriter, value: object) -> None:
    """Send a value; `await writer.drain()` waits until the pipe has room again."""
    content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    writer.write(_LENGTH.pack(len(content)) + content)
