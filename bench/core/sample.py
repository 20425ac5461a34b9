"""What measuring returns: what happened, with no opinion about it.

All `_s` values are seconds since the start of the run, read from one monotonic clock.
"""

from enum import StrEnum

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


class RequestSample(Record):
    """One request, with its three clocks: planned, bytes sent, first token.

    Attributes:
        stage: Index of the stage in the scenario.
        seq: Order in which the requests were finished, from 0.
        user: Virtual user, from 0.
        turn: Request of that user within the stage, from 0.
        prompt: Id of the message that was sent.
        arm: 0 when it went to the scenario's target, 1 for the one beside it.
        scheduled_s: When the plan wanted it sent.
        connect_s: How long opening a connection took; None when one was reused.
        sent_s: When its last byte was handed to the kernel; None when that never happened.
        first_byte_s: When the first byte of the answer's body came; None when none came.
        first_token_s: When the first piece of text came; None when none came, or it came all at once.
        last_token_s: When the last piece of text came; likewise.
        finished_s: When it was over, whatever the outcome.
        tokens: Output tokens that the answer reports, else its pieces; None when it has neither.
        intercepted: Whether the agent answered by itself; None when the target does not say.
        status: HTTP status; None when there was no answer.
        outcome: How it ended.
        detail: For people: what went wrong; None for OK.
        hops: Milliseconds that each tier says it spent itself, by the tier's name.
    """

    stage: int
    seq: int
    user: int
    turn: int
    prompt: str
    arm: int = 0
    scheduled_s: float
    connect_s: float | None = None
    sent_s: float | None = None
    first_byte_s: float | None = None
    first_token_s: float | None = None
    last_token_s: float | None = None
    finished_s: float
    tokens: int | None = None
    intercepted: bool | None = None
    status: int | None = None
    outcome: Outcome
    detail: str | None = None
    hops: dict[str, float] = {}

    def shifted(self, by_s: float) -> "RequestSample":
        """The same request on a clock that is ahead by so many seconds."""
        moments = ("scheduled_s", "sent_s", "first_byte_s", "first_token_s", "last_token_s", "finished_s")
        known = {name: value for name in moments if (value := getattr(self, name)) is not None}
        return self.model_copy(update={name: value + by_s for name, value in known.items()})


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


class Recording(Record):
    """All that was measured in one run.

    Attributes:
        planned_s: How long the scenario was to send requests.
        elapsed_s: How long it did, until the last request was over.
        samples: Requests in the order in which they finished.
        resources: Samples of every service and of the generator.
        stop: Why the run ended before its plan did; None when it did not.
        warnings: For people: what was odd while measuring.
    """

    planned_s: float
    elapsed_s: float
    samples: tuple[RequestSample, ...]
    resources: tuple[ResourceSample, ...] = ()
    stop: Stop | None = None
    warnings: tuple[str, ...] = ()
