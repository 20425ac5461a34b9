"""What happened in a run, one by one, with no opinion about it.

All `_s` values are seconds since the start of the run, read from one monotonic clock.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from bench.core.record import Record


class Outcome(StrEnum):
    """How one request ended."""

    OK = "ok"
    HTTP_ERROR = "http_error"
    RATE_LIMITED = "rate_limited"
    UNAUTHORIZED = "unauthorized"
    TIMEOUT = "timeout"
    CONNECT_FAILED = "connect_failed"
    BAD_STREAM = "bad_stream"
    WRONG_CONTENT = "wrong_content"
    DROPPED = "dropped"
    CANCELLED = "cancelled"


# A request that we ourselves took back says nothing about the target.
NOT_ANSWERS = frozenset({Outcome.CANCELLED})


class RequestSample(NamedTuple):
    """One request, with its three clocks: planned, bytes sent, first token.

    Attributes:
        stage: Index of the stage in the scenario.
        user: Virtual user, from 0.
        turn: Request of that user within the stage, from 0.
        prompt: Id of the message that was sent.
        scheduled_s: When the plan wanted it sent.
        finished_s: When it was over, whatever the outcome.
        outcome: How it ended.
        arm: 0 when it went to the scenario's target, 1 for the one beside it.
        connect_s: How long opening a connection took; None when one was reused.
        sent_s: When its last byte was handed to the kernel; None when that never happened.
        first_byte_s: When the first byte of the answer's body came; None when none came.
        first_token_s: When the first piece of text came; None when none came, or it came all at once.
        last_token_s: When the last piece of text came; likewise.
        tokens: Output tokens that the answer reports, else its pieces; None when it has neither.
        intercepted: Whether the agent answered by itself; None when the target does not say.
        status: HTTP status; None when there was no answer.
        detail: For people: what went wrong; None for OK.
        hops: Milliseconds that each tier says it spent itself, by the tier's name.
    """

    stage: int
    user: int
    turn: int
    prompt: str
    scheduled_s: float
    finished_s: float
    outcome: Outcome
    arm: int = 0
    connect_s: float | None = None
    sent_s: float | None = None
    first_byte_s: float | None = None
    first_token_s: float | None = None
    last_token_s: float | None = None
    tokens: int | None = None
    intercepted: bool | None = None
    status: int | None = None
    detail: str | None = None
    hops: Mapping[str, float] = MappingProxyType({})


class ResourceSample(Record):
    """CPU and memory of one process at one moment.

    Attributes:
        at_s: When it was read.
        source: Name of the service, or `generator` for the load generator itself.
        cpu_pct: Per cent of one core since the previous sample.
        memory_bytes: Resident set size.
    """

    at_s: float
    source: str
    cpu_pct: float
    memory_bytes: int


GENERATOR = "generator"


class StopCause(StrEnum):
    """What ended a run before its plan did."""

    THRESHOLD = "threshold"
    INTERRUPT = "interrupt"
    TARGET = "target"


class Stop(Record):
    """Why a run ended before its plan did: the cause, and a sentence for people."""

    cause: StopCause
    reason: str
