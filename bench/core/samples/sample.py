"""What happened in a run, one by one, with no opinion about it.

All `_s` values are seconds since the start of the run, read from one monotonic clock.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from bench.core.values.record import Record


class Outcome(StrEnum):
    """How a request ended; docs/reference/outcomes.md is written from this table."""

    OK = "ok"
    """The response is the expected one. An expected refusal, such as status 400, counts as `ok`."""
    HTTP_ERROR = "http_error"
    """The status differs from the expected one. Redirects count too, because none is followed."""
    RATE_LIMITED = "rate_limited"
    """The status is 429."""
    UNAUTHORIZED = "unauthorized"
    """The status is 401."""
    TIMEOUT = "timeout"
    """The response was not complete within `request_timeout`: no bytes, slow bytes, or no end."""
    CONNECT_FAILED = "connect_failed"
    """No connection was opened. The detail is `connect_failed`, `name_failed` or `tls_failed`."""
    BAD_STREAM = "bad_stream"
    """The response does not have the declared form. The detail is `reset` (closed early), `too_large` (above
    16 MiB) or `bad_stream`: incomplete, a wrong length, no HTTP, an encoding that was not requested, no JSON,
    or a stream without its end."""
    WRONG_CONTENT = "wrong_content"
    """The response has no text, lacks the text that it must contain, or should have been a refusal."""
    DROPPED = "dropped"
    """`max_vus` requests of an open loop were in progress when this request was due."""
    CANCELLED = "cancelled"
    """The scenario or the end of the run cancelled the request. It is excluded from all metrics."""


# A request that we ourselves took back says nothing about the target.
NOT_ANSWERS = frozenset({Outcome.CANCELLED})


class RequestSample(NamedTuple):
    """One request, with its three clocks: planned, bytes sent, first token.

    Attributes:
        phase: Index of the stage in the scenario.
        vu: Virtual user, from 0.
        iteration: Request of that user within the stage, from 0.
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
        tier_times: Milliseconds that each tier says it spent itself, by the tier's name.
    """

    phase: int
    vu: int
    iteration: int
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
    tier_times: Mapping[str, float] = {}


class ResourceSample(Record):
    """What a service, a load generator or the whole machine used until one moment. Unknown is None.

    Attributes:
        at_s: When it was read.
        source: Name of the service, `generator` for the load generator itself, or `host` for the machine.
        cpu_pct: Per cent of one core since the previous sample; of the machine, of all cores together.
        memory_bytes: Resident set size of a process, working set of a container, what is in use of a machine.
        memory_limit_bytes: What it may have at most.
        received_bytes: From the network, since it started; of the machine, since it did.
        sent_bytes: To the network, likewise.
        read_bytes: From disks, likewise.
        written_bytes: To disks, likewise.
        restarts: How often its container was started again.
        oom_kills: How often the kernel ended a process of it for want of memory.
        throttled_ms: For how long it had to wait because its quota of processor time was used up, since it
            started.
    """

    at_s: float
    source: str
    cpu_pct: float
    memory_bytes: int
    memory_limit_bytes: int | None = None
    received_bytes: int | None = None
    sent_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    restarts: int | None = None
    oom_kills: int | None = None
    throttled_ms: int | None = None


class Probe(Record):
    """A check of the stack's health at one moment.

    Attributes:
        at_s: When it was asked.
        check: Name of the check in the stack's declaration.
        up: Whether it answered as it should.
        took_ms: How long the answer took; None when there was none.
        detail: For people: what was wrong; None when it was up.
    """

    at_s: float
    check: str
    up: bool
    took_ms: float | None = None
    detail: str | None = None


class GaugeSample(Record):
    """What a service said of itself at one moment.

    Attributes:
        at_s: When it was read.
        service: Which.
        name: Of the gauge in the stack's declaration, such as `queue_depth`.
        value: In whatever unit the service counts.
    """

    at_s: float
    service: str
    name: str
    value: float


GENERATOR, HOST = "generator", "host"
_GENERATORS = re.compile(rf"{GENERATOR}(-[0-9]+)?")


def is_generator(source: str) -> bool:
    """Whether a source is one of our load generators; those after the first have a number."""
    return _GENERATORS.fullmatch(source) is not None


class StopCause(StrEnum):
    """What ended a run before its plan did."""

    THRESHOLD = "threshold"
    INTERRUPT = "interrupt"
    TARGET = "target"


class Stop(Record):
    """Why a run ended before its plan did: the cause, and a sentence for people."""

    cause: StopCause
    reason: str
