"""The parts of a request's time, one after the other. They add up to the time from its planned start."""

from enum import StrEnum
from typing import NamedTuple

import numpy as np

from bench.core.samples.arrays import Column, Floats
from bench.core.samples.metric import RequestColumns
from bench.core.samples.sample import Outcome
from bench.core.values.units import ms


class Timing(StrEnum):
    """A part of the time of a request; its length is 0 if a request does not have it."""

    ATTEMPTS = "earlier attempts"
    """From the planned start to the planned time of the last attempt."""
    BEFORE_SENDING = "before sending"
    """Delay of the load generator; for another request that was never sent, the complete time."""
    CONNECT = "connect"
    """Opening the connection, without a handshake. It ends when the request is sent; if no connection was
    opened, it is the complete time."""
    HANDSHAKE = "handshake"
    """Handshake of a WebSocket. A request ends in it if its handshake was refused."""
    FIRST_BYTE = "to first byte"
    """From the last byte of the request to the first byte of the response's body."""
    FIRST_TOKEN = "to first token"  # noqa: S105 - no secret
    """From the first byte to the first piece of output; 0 if the response was not streamed."""
    REASONING = "reasoning"
    """From the first piece of reasoning to the first text of the answer."""
    TOKENS = "tokens"
    """From the first text of the answer to the last piece of output."""
    END = "rest of the answer"
    """From the last piece of output, or the first byte of a response that was not streamed, to the end."""


TIMINGS = tuple(Timing)
"""All timings in their order."""
SENT = TIMINGS.index(Timing.FIRST_BYTE)
"""Number of the timings before a request is sent."""
_DIGITS = 1
"""Decimals of a moment in milliseconds: timings of rounded moments still add up to the time."""


class RequestTimings(NamedTuple):
    """The timings of some requests."""

    lengths_ms: Floats
    """Length of each timing in milliseconds: a row for each request, a column for each timing."""
    ended_in: Column
    """Index of the timing in which each request ended."""

    @property
    def total_ms(self) -> Floats:
        """Time of each request from its planned start to its end, in milliseconds."""
        total_ms: Floats = self.lengths_ms.sum(axis=1)
        return total_ms


def request_timings(requests: RequestColumns) -> RequestTimings:
    """Return the timings of requests.

    A moment that contradicts an earlier one, or the end, counts as equal to it.
    """
    planned_s = requests.column("scheduled_s")

    def since_planned(moment: str) -> Floats:
        offset_ms: Floats = np.round(ms(requests.column(moment) - planned_s), _DIGITS)
        return offset_ms

    end_ms = since_planned("finished_s")
    sent_ms = since_planned("sent_s")
    first_byte_ms = since_planned("first_byte_s")
    connect_ms = np.nan_to_num(ms(requests.column("connect_s")))
    handshake_ms = np.nan_to_num(ms(requests.column("handshake_s")))
    last_token_ms = since_planned("last_token_s")
    moments_ms = [
        np.nan_to_num(since_planned("retried_s")),
        np.round(sent_ms - connect_ms, _DIGITS),
        # A refused handshake begins after the connection was opened.
        np.where(np.isnan(sent_ms), connect_ms, np.round(sent_ms - handshake_ms, _DIGITS)),
        sent_ms,
        first_byte_ms,
        since_planned("first_token_s"),
        # A response that ended within its reasoning has no text of the answer.
        np.where(
            np.isnan(requests.column("first_reasoning_s")),
            since_planned("first_token_s"),
            np.fmin(np.nan_to_num(since_planned("first_answer_s"), nan=np.inf), last_token_ms),
        ),
        last_token_ms,
    ]
    ended_in = _last_timings(requests)
    ends_ms = _fill(moments_ms, ended_in, end_ms)
    return RequestTimings(np.diff(ends_ms, axis=1, prepend=0.0), ended_in)


def _last_timings(requests: RequestColumns) -> Column:
    """Return the index of the timing in which each request ended."""
    is_unsent = np.isnan(requests.column("sent_s"))
    # Of each request, the first row that applies counts.
    ends = {
        Timing.CONNECT: requests.has_outcome(Outcome.CONNECT_FAILED),
        Timing.HANDSHAKE: is_unsent & (requests.column("status") >= 0),
        Timing.BEFORE_SENDING: is_unsent,
        Timing.FIRST_BYTE: np.isnan(requests.column("first_byte_s")),
    }
    last: Column = np.select([*ends.values()], [*map(TIMINGS.index, ends)], default=TIMINGS.index(Timing.END))
    return last


def _fill(moments_ms: list[Floats], ended_in: Column, end_ms: Floats) -> Floats:
    """Return the end of each timing. An unknown moment is that of the timing before, or the request's end."""
    ends_ms = np.stack([*moments_ms, end_ms], axis=1)
    is_over = np.arange(len(TIMINGS)) >= ended_in[:, np.newaxis]
    ends_ms[is_over] = np.broadcast_to(end_ms[:, np.newaxis], ends_ms.shape)[is_over]
    ends_ms = np.clip(np.nan_to_num(ends_ms), 0.0, np.maximum(0.0, end_ms)[:, np.newaxis])
    filled_ms: Floats = np.maximum.accumulate(ends_ms, axis=1)
    return filled_ms
