"""Typical times of messages, and where a request lost its time compared with them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bench.core.samples.arrays import Column, Floats, Mask
from bench.core.samples.samples import Samples
from bench.core.samples.timings import SENT, TIMINGS, RequestTimings
from bench.core.values.record import Count, NotNegative, Number, Record

_FEWEST = 4
"""Answered requests of a message that have a typical time of their own."""
_MOST_GROUPS = 100
"""Messages with typical times of their own; the others are compared with all requests."""
_DIGITS = 1


class TypicalTimes(Record):
    """Mean times of the middle half of some requests, by their response time."""

    message: str | None = None
    """Id of the message; null for all requests."""
    step: str | None = None
    """Step of a journey."""
    requests: Count
    """Number of answered requests."""
    timings_ms: tuple[NotNegative, ...]
    """Mean length of each timing."""
    tiers_ms: tuple[Number | None, ...] = ()
    """Mean time of each tier; empty if not all requests of the middle half report times."""

    @property
    def total_ms(self) -> float:
        """Mean time from the planned start to the end."""
        return round(sum(self.timings_ms), _DIGITS)


class TimedRequests(NamedTuple):
    """Requests with everything that their parts need."""

    samples: Samples
    """The requests."""
    times: RequestTimings
    """Their timings."""
    tiers_ms: Floats
    """Their tier times: a row for each request, a column for each tier; NaN where it is unknown."""
    is_ok: Mask
    """Whether each request succeeded."""


class Difference(NamedTuple):
    """The difference of one part of a request."""

    part: str
    """Name of the tier or the timing; empty for the time that no tier reports."""
    by_ms: float
    """Time beyond the typical time."""


def typical_times(run: TimedRequests, rows: Column) -> tuple[list[TypicalTimes], list[int | None]]:
    """Return typical times, and the index of those that each request is compared with.

    A request is compared with those of its own message, or with all if these are few.

    Args:
        run: All requests.
        rows: Numbers of the requests that are compared.
    """
    codes = _code_messages(run.samples)
    ok_rows = np.flatnonzero(run.is_ok)
    if len(ok_rows) < _FEWEST:
        return [], [None] * len(rows)
    names, counts = np.unique(codes[ok_rows], return_counts=True)
    frequent = names[np.argsort(-counts, kind="stable")][: int((counts >= _FEWEST).sum())]
    shown = {*codes[rows].tolist()}
    groups: list[TypicalTimes] = []
    index: dict[int, int] = {}
    for code in filter(shown.__contains__, frequent.tolist()):
        if len(groups) < _MOST_GROUPS:
            index[code] = len(groups)
            groups.append(_mean_of_middle(run, ok_rows[codes[ok_rows] == code], is_message=True))
    if shown - index.keys():
        groups.append(_mean_of_middle(run, ok_rows, is_message=False))
    places: list[int | None] = []
    for code in codes[rows].tolist():
        places.append(index.get(code, len(index)))
    return groups, places


def list_differences(
    timings_ms: Sequence[float],
    tiers_ms: Sequence[float | None],
    typical: TypicalTimes,
    tiers: Sequence[str],
) -> list[Difference]:
    """Return the differences of a request from typical times, by its tiers if both have them.

    They add up to the difference of the response times.
    """
    differences: list[Difference] = []
    for timing, own_ms, usual_ms in zip(TIMINGS, timings_ms, typical.timings_ms, strict=True):
        differences.append(Difference(timing, round(own_ms - usual_ms, _DIGITS)))
    if not tiers_ms or not typical.tiers_ms:
        return differences
    del differences[SENT:]
    for tier, tier_ms, usual_tier_ms in zip(tiers, tiers_ms, typical.tiers_ms, strict=True):
        by_ms = (tier_ms or 0.0) - (usual_tier_ms or 0.0)
        differences.append(Difference(tier, round(by_ms, _DIGITS)))
    total_ms = sum(timings_ms) - sum(typical.timings_ms)
    rest_ms = total_ms - sum(difference.by_ms for difference in differences)
    return [*differences, Difference("", round(rest_ms, _DIGITS))]


def _code_messages(samples: Samples) -> Column:
    """Return a number for each request that is equal for requests of the same message and step."""
    steps = samples.column("step").astype(np.int64)
    messages: Column = steps * (int(samples.column("prompt").max(initial=0)) + 1) + samples.column("prompt")
    return messages


def _mean_of_middle(run: TimedRequests, rows: Column, *, is_message: bool) -> TypicalTimes:
    """Return the mean times of the middle half of some requests, which single slow ones do not change."""
    total_ms = run.times.total_ms[rows]
    low_ms, high_ms = np.quantile(total_ms, [0.25, 0.75])
    middle = rows[(total_ms >= low_ms) & (total_ms <= high_ms)]
    first = run.samples[int(rows[0])]
    return TypicalTimes(
        message=first.prompt if is_message else None,
        step=first.step if is_message else None,
        requests=len(rows),
        timings_ms=tuple(_round_all(run.times.lengths_ms[middle].mean(axis=0))),
        tiers_ms=tuple(_mean_tiers(run.tiers_ms[middle])),
    )


def _mean_tiers(tiers_ms: Floats) -> Iterator[float]:
    """Yield the mean of each tier; no value if a request has no tier at all."""
    if not tiers_ms.shape[1] or np.isnan(tiers_ms).all(axis=1).any():
        return iter(())
    return _round_all(np.nan_to_num(tiers_ms).mean(axis=0))


def _round_all(values: Floats) -> Iterator[float]:
    return iter(np.round(values, _DIGITS).tolist())
