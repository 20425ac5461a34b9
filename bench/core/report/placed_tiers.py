"""Place the tiers of traced requests on the time axis of their request."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from bench.core.samples.request import RequestSample
from bench.core.tiers.trace_ids import RequestKey, trace_id
from bench.core.tiers.traced_loads import TracedLoad, TracedRequest
from bench.core.values.record import Count, NotNegative, Record

_EARLY_S = 1e-6
"""A request may be planned this much before the start of its load, by rounding."""
_DIGITS = 1
_LARGEST_ERROR = 0.05
"""Largest error of a place, as a share of the time for the response."""
_LARGEST_ERROR_MS = 5.0
"""An error of this many milliseconds is always small enough."""
_MOST_LANES = 3
"""Tiers that worked at the same time are drawn one below the other, at most this many."""


class PlacedTier(Record):
    """A time in which a tier worked for a request."""

    tier: Count
    """Index of the tier in `Waterfall.tiers`."""
    start_ms: NotNegative
    """Start, since the planned start of the request."""
    length_ms: NotNegative
    """Length."""
    lane: Count
    """0, or another number for a tier that worked at the same time as others."""


class PlacedTrace(NamedTuple):
    """The tiers of a request at their places."""

    tiers: tuple[PlacedTier, ...]
    """The tiers; empty if their places are not known."""
    error_ms: float
    """Largest error of a place in either direction."""


_UNPLACED = PlacedTrace((), 0.0)


class TraceFinder:
    """Finds the traces of requests.

    Args:
        loads: The loads of the run, in their order.
        tiers: Names of the tiers that are shown.
    """

    def __init__(self, loads: Sequence[TracedLoad], tiers: Sequence[str]) -> None:
        self._loads = loads
        self._tiers = dict(zip(tiers, range(len(tiers)), strict=True))
        self._traced: list[Mapping[RequestKey, TracedRequest]] = []
        for load in loads:
            keys = map(RequestKey._make, map(_key_of, load.requests))
            self._traced.append(dict(zip(keys, load.requests, strict=True)))

    def trace(self, sample: RequestSample) -> str | None:
        """Return the trace id that the services saw, in hexadecimal digits; `None` without one."""
        if not self._loads:
            return None
        load = self._loads[self._number(sample)]
        return trace_id(bytes.fromhex(load.prefix), _key_in(load, sample)).hex()

    def place(self, sample: RequestSample, sent_ms: float, end_ms: float) -> PlacedTrace:
        """Return the tiers at their places.

        The clock of the services may differ from ours, so the trace is placed in the middle of the time from
        the request to the end of its response. Half of the rest, which is that of the network before and
        after it, is the largest error of a place. If this is much, the places count as unknown.

        Args:
            sample: The request.
            sent_ms: When it was sent, since its planned start.
            end_ms: Its end.
        """
        if not self._loads:
            return _UNPLACED
        number = self._number(sample)
        traced = self._traced[number].get(_key_in(self._loads[number], sample))
        if traced is None:
            return _UNPLACED
        service_ms = end_ms - sent_ms
        error_ms = abs(service_ms - traced.length_ms) / 2.0
        if error_ms > max(_LARGEST_ERROR_MS, _LARGEST_ERROR * service_ms):
            return _UNPLACED
        begin_ms = sent_ms + max(0.0, (service_ms - traced.length_ms) / 2.0)
        placed = tuple(_set_lanes(self._clip(traced, begin_ms, end_ms)))
        return PlacedTrace(placed, round(error_ms, _DIGITS))

    def _number(self, sample: RequestSample) -> int:
        """Return the index of the load that sent a request: the last one that had begun."""
        newest = 0
        for number, load in enumerate(self._loads):
            if load.start_s <= sample.scheduled_s + _EARLY_S:
                newest = number
        return newest

    def _clip(
        self, traced: TracedRequest, begin_ms: float, end_ms: float
    ) -> Iterator[tuple[int, float, float]]:
        """Yield tier, start and end of each period that is shown, within the time of the request."""
        for tier, start_ms, length_ms in traced.periods:
            start = round(begin_ms + start_ms, _DIGITS)
            end = round(min(end_ms, begin_ms + start_ms + length_ms), _DIGITS)
            if tier in self._tiers and end > start:
                yield self._tiers[tier], start, end


def _key_of(traced: TracedRequest) -> tuple[int, ...]:
    return traced.key


def _key_in(load: TracedLoad, sample: RequestSample) -> RequestKey:
    phase = sample.phase if load.phase is None else load.phase
    return RequestKey(phase, sample.vu, sample.iteration, sample.arm)


def _set_lanes(periods: Iterable[tuple[int, float, float]]) -> Iterator[PlacedTier]:
    """Yield the periods with lanes in which none covers another, as far as there are enough lanes."""
    ends = [0.0] * _MOST_LANES
    for tier, start, end in periods:
        free = filter(partial(_is_free, ends, start), range(_MOST_LANES))
        lane = next(free, ends.index(min(ends)))
        ends[lane] = max(end, ends[lane])
        yield PlacedTier(tier=tier, start_ms=start, length_ms=round(end - start, _DIGITS), lane=lane)


def _is_free(ends: Sequence[float], start: float, lane: int) -> bool:
    return ends[lane] <= start
