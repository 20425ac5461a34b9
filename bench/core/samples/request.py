"""The data of a request, and the metrics that are computed from it. This is the only place that names them.

The columns in memory and in files, the lines of `bench export`, their schema and the reference of
metrics are derived from this file. To add a metric, add a row to `REQUEST_METRICS`; if it needs new data, add
a field to `RequestSample`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np

from bench.core.samples.arrays import Floats
from bench.core.samples.fields import Moment, Stored, declared_fields
from bench.core.samples.metric import Better, Metric, MetricKind, Part, RequestColumns
from bench.core.samples.sample import Culprit, Outcome
from bench.core.values.units import ms


class RequestSample(NamedTuple):
    """One request of a run. Fields in `_s` are seconds since the start of the run, on one monotonic clock."""

    phase: Annotated[int, Stored("H")]
    """Index of the phase in the scenario, from 0."""
    vu: Annotated[int, Stored("I")]
    """Number of the VU, from 0; in an open loop the number of the request."""
    iteration: Annotated[int, Stored("I")]
    """Number of the VU's request within the phase, from 0."""
    prompt: Annotated[str, Stored("I")]
    """Id of the message that was sent; for another request of a journey the name of its step."""
    scheduled_s: Annotated[float, Moment()]
    """Planned time of sending. Latencies count from here."""
    finished_s: Annotated[float, Moment()]
    """End of the answer, or of the request if it failed. If the answer has an end mark, it ends there."""
    outcome: Annotated[Outcome, Stored("B")]
    """How the request ended."""
    arm: Annotated[int, Stored("B")] = 0
    """0 for the scenario's target, 1 for the target in `compare_with`."""
    connect_s: float | None = None
    """Duration of opening the connection; null if an open connection was used."""
    sent_s: Annotated[float | None, Moment()] = None
    """When the kernel had the last byte of the request; null if it was not sent completely."""
    first_byte_s: Annotated[float | None, Moment()] = None
    """When the first byte of the response's body was read; null if none came."""
    first_token_s: Annotated[float | None, Moment(token=0)] = None
    """When the first piece of output of any kind was read from a streamed response; null if none came."""
    last_token_s: Annotated[float | None, Moment(token=-1)] = None
    """When the last piece of output of any kind was read from a streamed response; null if none came."""
    first_answer_s: Annotated[float | None, Moment()] = None
    """When the first text of the answer itself was read from a streamed response; null if none came."""
    first_reasoning_s: Annotated[float | None, Moment()] = None
    """When the first piece of reasoning was read from a streamed response; null if none came."""
    last_reasoning_s: Annotated[float | None, Moment()] = None
    """When the last piece of reasoning was read from a streamed response; null if none came."""
    closed_s: Annotated[float | None, Moment()] = None
    """When the exchange ended after the answer's end mark; null for an answer without one."""
    tokens: Annotated[int | None, Stored("i")] = None
    """Output tokens of all kinds that the response reports, otherwise its pieces; null if it has neither."""
    reasoning_tokens: Annotated[int | None, Stored("i")] = None
    """Tokens of reasoning that the response reports, as a part of `tokens`; null without a report."""
    intercepted: Annotated[bool | None, Stored("b")] = None
    """Whether the agent answered without its model; null if the target does not declare how to see it."""
    status: Annotated[int | None, Stored("h")] = None
    """HTTP status; null if there was no response. On a WebSocket, 101 or the status of the reported error."""
    detail: Annotated[str | None, Stored("H")] = None
    """Explanation of a failure; null for the outcome `ok`."""
    culprit: Annotated[Culprit | None, Stored("b")] = None
    """The part that caused the failure; null for the outcomes `ok` and `cancelled`."""
    step: Annotated[str | None, Stored("H")] = None
    """Name of the journey's step; null in a scenario without steps."""
    tier_times: Mapping[str, float] = {}
    """Time that each tier reports for itself, in milliseconds, by the tier's name."""
    milestone_times: Mapping[str, float] = {}
    """Time from the planned start to each milestone of the response, in milliseconds, by its name."""
    handshake_s: float | None = None
    """Duration of the handshake of a WebSocket, as a part of `connect_s`; null without a handshake."""
    retries: Annotated[int | None, Stored("h")] = None
    """Number of attempts before the last one, which this is; null if the scenario declares no `retry`."""
    retried_s: Annotated[float | None, Moment()] = None
    """Planned time of the last attempt; null without retries."""


REQUEST_FIELDS = declared_fields(RequestSample)


def _token_moments() -> list[tuple[str, int, int]]:
    """Return name, index, and the smallest number of pieces of text for each time of a piece of text."""
    moments = []
    for field in REQUEST_FIELDS:
        if field.moment is not None and field.moment.token is not None:
            index = field.moment.token
            smallest_count = index + 1 if index >= 0 else -index
            moments.append((field.name, index, smallest_count))
    return moments


_TOKEN_MOMENTS = _token_moments()


def token_moments(times_s: Sequence[float], origin_s: float) -> dict[str, Any]:
    """Return the fields of a request that are times of its pieces of text.

    Args:
        times_s: When each piece of text was read; empty if the response was not streamed.
        origin_s: Start of the run, on the same clock.
    """
    count = len(times_s)
    return {
        name: times_s[index] - origin_s
        for name, index, smallest_count in _TOKEN_MOMENTS
        if count >= smallest_count
    }


def only_ok(requests: RequestColumns, values: Floats) -> Floats:
    """Return the values of the requests that succeeded, and NaN for the others.

    A refused request is fast, so its latency would improve the mean.
    """
    return np.where(requests.has_outcome(Outcome.OK), values, np.nan)


def _time_between(start: str, end: str) -> Callable[[RequestColumns], Floats]:
    """Return the metric `end - start` in milliseconds, of requests that succeeded."""
    return lambda requests: only_ok(requests, ms(requests.column(end) - requests.column(start)))


def _waited_since(start: str) -> Callable[[RequestColumns], Floats]:
    """Return the waiting time in milliseconds of requests that were ended while they waited."""

    def waited(requests: RequestColumns) -> Floats:
        waited_ms = ms(requests.column("finished_s") - requests.column(start))
        return np.where(requests.were_waiting(), waited_ms, np.nan)

    return waited


def time_to(times_ms: Callable[[RequestColumns], Floats]) -> Callable[[RequestColumns], Floats]:
    """Return the time to a moment within a response, also of requests that were ended after it.

    Args:
        times_ms: Returns the time from the planned start to the moment; NaN where it is unknown.
    """
    return lambda requests: np.where(
        requests.has_outcome(Outcome.OK) | requests.were_waiting(), times_ms(requests), np.nan
    )


def waited_for(times_ms: Callable[[RequestColumns], Floats]) -> Callable[[RequestColumns], Floats]:
    """Return the waiting time of requests that were ended before a moment that other responses have.

    Args:
        times_ms: Returns the time from the planned start to the moment; NaN where it is unknown.
    """

    def waited(requests: RequestColumns) -> Floats:
        unknown = np.isnan(times_ms(requests))
        waited_ms = _waited_since("scheduled_s")(requests)
        return np.where(unknown & ~unknown.all(), waited_ms, np.nan)

    return waited


def _since_start(moment: str) -> Callable[[RequestColumns], Floats]:
    """Return the time from the planned start to a moment, in milliseconds."""
    return lambda requests: ms(requests.column(moment) - requests.column("scheduled_s"))


def _time_per_output_token(requests: RequestColumns) -> Floats:
    """Return the time between the tokens that have times: reasoning counts only if it was streamed."""
    hidden = np.where(
        np.isnan(requests.column("first_reasoning_s")), np.maximum(requests.column("reasoning_tokens"), 0), 0
    )
    gaps = requests.column("tokens") - hidden - 1
    streamed_ms = ms(requests.column("last_token_s") - requests.column("first_token_s"))
    # Tokens that came in one read have no times of their own.
    has_times = (gaps > 0) & (streamed_ms > 0)
    per_token_ms = np.where(has_times, streamed_ms / np.maximum(gaps, 1), np.nan)
    return only_ok(requests, per_token_ms)


def _send_lag(requests: RequestColumns) -> Floats:
    retried_s = requests.column("retried_s")
    planned_s = np.where(np.isnan(retried_s), requests.column("scheduled_s"), retried_s)
    delay_s = requests.column("sent_s") - planned_s
    connect_s = np.nan_to_num(requests.column("connect_s"))  # opening a connection is the target's time
    return ms(delay_s - connect_s)


def _interception(requests: RequestColumns) -> Floats:
    """Return 1 for intercepted requests and 0 for all others, also failed ones; NaN if it is unknown."""
    intercepted = requests.column("intercepted")
    if not np.any(intercepted >= 0):
        return np.full(len(requests), np.nan)
    return np.where(requests.has_outcome(Outcome.OK) & (intercepted > 0), 1.0, 0.0)


def _optional(requests: RequestColumns, field: str) -> Floats:
    """Return a field of whole numbers, with NaN where it is unknown."""
    numbers = requests.column(field)
    return np.where(numbers < 0, np.nan, numbers)


REQUEST_METRICS = (
    Metric(
        key="e2e_ms",
        label="response time",
        unit="ms",
        description="Time from the planned start of a request to the end of its response.",
        formula="finished_s - scheduled_s",
        values=_time_between("scheduled_s", "finished_s"),
        longer_than=_waited_since("scheduled_s"),
        part=Part.DECIDES,
    ),
    Metric(
        key="success_ratio",
        label="success",
        unit="ratio",
        description="Share of the requests with the outcome `ok`.",
        formula="outcome = ok",
        values=lambda requests: requests.has_outcome(Outcome.OK).astype(float),
        kind=MetricKind.RATE,
        better=Better.HIGHER,
        part=Part.DECIDES,
    ),
    Metric(
        key="ttft_ms",
        label="time to first token",
        unit="ms",
        description="Time from the planned start to the first output of a streamed response, text or "
        "reasoning (TTFT).",
        formula="first_token_s - scheduled_s",
        values=time_to(_since_start("first_token_s")),
        longer_than=waited_for(_since_start("first_token_s")),
        part=Part.DECIDES,
    ),
    Metric(
        key="ttfat_ms",
        label="time to first answer token",
        unit="ms",
        description="Time from the planned start to the first text of the answer, after any reasoning.",
        formula="first_answer_s - scheduled_s",
        values=time_to(_since_start("first_answer_s")),
        longer_than=waited_for(_since_start("first_answer_s")),
    ),
    Metric(
        key="reasoning_ms",
        label="reasoning time",
        unit="ms",
        description="Time from the first to the last piece of reasoning of a streamed response.",
        formula="last_reasoning_s - first_reasoning_s",
        values=_time_between("first_reasoning_s", "last_reasoning_s"),
    ),
    Metric(
        key="tpot_ms",
        label="time per output token",
        unit="ms",
        description="Mean time between the tokens of a streamed response (TPOT), without those of reasoning "
        "that was not streamed.",
        formula="(last_token_s - first_token_s) / (tokens - 1)",
        values=_time_per_output_token,
    ),
    Metric(
        key="service_ms",
        label="service time",
        unit="ms",
        description="Time from the last byte of the request to the end of its response.",
        formula="finished_s - sent_s",
        values=_time_between("sent_s", "finished_s"),
        longer_than=_waited_since("sent_s"),
    ),
    Metric(
        key="after_end_ms",
        label="time after the end",
        unit="ms",
        description="Time from the end mark of an answer to the end of its body or connection, at most 2 s.",
        formula="closed_s - finished_s",
        values=_time_between("finished_s", "closed_s"),
    ),
    Metric(
        key="handshake_ms",
        label="handshake",
        unit="ms",
        description="Duration of the handshake of a WebSocket, after its connection was opened.",
        formula="handshake_s",
        values=lambda requests: only_ok(requests, ms(requests.column("handshake_s"))),
    ),
    Metric(
        key="send_lag_ms",
        label="send lag",
        unit="ms",
        description="Delay of the load generator: time from the planned start to the last byte sent; for a "
        "request that was sent again, from `retried_s`.",
        formula="sent_s - scheduled_s - connect_s",
        values=_send_lag,
        adds_up=True,
        resolution=10.0,
    ),
    Metric(
        key="interception_ratio",
        label="interception",
        unit="ratio",
        description="Share of the requests that an agent answered without its model, if the target declares "
        "how these answers begin.",
        formula="intercepted",
        values=_interception,
        kind=MetricKind.RATE,
        better=Better.HIGHER,
    ),
    Metric(
        key="tokens",
        label="output tokens",
        unit="1",
        description="Output tokens that the responses report, otherwise their pieces of text.",
        formula="tokens",
        values=lambda requests: only_ok(requests, _optional(requests, "tokens")),
        kind=MetricKind.COUNTER,
        better=Better.HIGHER,
    ),
    Metric(
        key="reasoning_tokens",
        label="reasoning tokens",
        unit="1",
        description="Tokens of reasoning that the responses report, as a part of their output tokens.",
        formula="reasoning_tokens",
        values=lambda requests: only_ok(requests, _optional(requests, "reasoning_tokens")),
        kind=MetricKind.COUNTER,
    ),
    Metric(
        key="requests",
        label="requests",
        unit="1",
        description="Number of requests that were answered or failed.",
        formula="1",
        values=lambda requests: np.ones(len(requests)),
        kind=MetricKind.COUNTER,
        better=Better.HIGHER,
    ),
)
