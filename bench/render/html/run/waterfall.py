"""The waterfall of a run's page: the slowest and the failed requests, and those to choose from."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import attrgetter

from bench.core.report import request_words
from bench.core.report.report import Report
from bench.core.report.series import RunSeries
from bench.core.report.waterfall import Waterfall, WaterfallRequest
from bench.core.samples.sample import Outcome
from bench.core.samples.timings import SENT, TIMINGS, Timing
from bench.render.html.run.waterfall_data import pack_requests
from bench.render.html.tier_colours import UNATTRIBUTED_COLOUR, colour_tiers

_PARTS = 4
"""Number of parts of a time axis."""
_STEPS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5, 8.0, 10.0)
"""Round lengths of a part, times a power of ten."""
_DIGITS = 2
_HEIGHT = 12
_LANE_HEIGHT = 8
_LEAST_WIDTH = 0.05
"""A narrower part of a bar cannot be seen, in per cent."""
_COMPARED = "Compared with typical:"
"""Heading of the difference of a request; the script writes it too."""
_FEWEST_ROWS = 3
_MOST_PARTS = 400
"""Slowest requests that a page shows, at least; and parts of their bars, at most."""
_LEAST_SHARE = 0.01
"""A timing with a smaller share of all requests is not in the legend."""
_TIMING_STYLES = [f"t{number}" for number in range(len(TIMINGS))]
_FIRST_TOKEN = TIMINGS.index(Timing.FIRST_TOKEN)


@dataclass(frozen=True, slots=True)
class BarPart:
    """A part of the bar of a request, in per cent of the axis."""

    style: str
    """CSS class: `t4` for a timing, `c2` for a tier."""
    start: float
    """Left end."""
    width: float
    """Width."""
    lane: int = 0
    """Number of the part above it at the same place."""


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request as a row of the waterfall."""

    number: int
    """Number of the request."""
    name: str
    """The message."""
    place: str
    """Time and VU."""
    total: str
    """Its time."""
    note: str
    """Outcome of a failed request, else where it lost its time."""
    failed: bool
    """Whether it failed."""
    text: str
    """All its numbers in words."""
    trace: str
    """Trace id; empty if it had none."""
    timings: tuple[BarPart, ...]
    """Its timings, at their places."""
    tiers: tuple[BarPart, ...]
    """Its tiers, at the places of their spans or, without spans, one after the other."""
    lanes: int
    """Number of tiers that worked at the same time and are drawn one below the other."""
    lane_height: int
    """Height of each of them, in pixels."""
    end: float
    """Right end of the bar."""
    first_byte: float | None
    """Place of the first byte."""
    first_token: float | None
    """Place of the first token."""
    is_open: bool
    """It was ended while it waited."""


@dataclass(frozen=True, slots=True)
class RequestGroup:
    """Rows with a common axis."""

    title: str
    """Heading."""
    ticks: tuple[str, ...]
    """Labels of the axis at equal distances, from 0 on."""
    rows: tuple[RequestRow, ...]
    """The requests."""


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """An entry of the legend."""

    style: str
    """CSS class."""
    label: str
    """Name of the timing or the tier."""


@dataclass(frozen=True, slots=True)
class WaterfallView:
    """The waterfall of a run."""

    slowest: str | None
    """The slowest request in words; None if no request was answered."""
    groups: tuple[RequestGroup, ...]
    """The requests that are there without a choice."""
    timings: tuple[LegendEntry, ...]
    """Legend of the timings that occur."""
    tiers: tuple[LegendEntry, ...]
    """Legend of the tiers."""
    has_bytes: bool
    """Whether a request that is shown has a first byte."""
    has_tokens: bool
    """Whether any request has a first token."""
    has_spans: bool
    """Whether the places of tiers are known."""
    has_traces: bool
    """Whether the requests have trace ids."""
    is_complete: bool
    """Whether each request of the run can be chosen."""
    data: Mapping[str, object]
    """Data of all requests that can be chosen, for the script."""


def make_waterfall(report: Report, series: RunSeries, runs: int = 1) -> WaterfallView | None:
    """Return the waterfall of a run; `None` if its requests are not stored.

    Args:
        report: The judged run.
        series: Its curves, with its requests.
        runs: Number of runs of the page; each one of many shows fewer requests.
    """
    waterfall = series.waterfall
    if waterfall is None:
        return None
    colours = colour_tiers(report, waterfall.tiers)
    styles = [f"c{colours[tier]}" for tier in waterfall.tiers]
    most = max(_FEWEST_ROWS, _MOST_PARTS // (len(styles) + 1) // runs)
    groups = [*_list_groups(waterfall, waterfall.slowest[:most], styles)]
    return WaterfallView(
        slowest=request_words.describe_slowest(waterfall),
        groups=tuple(groups),
        timings=tuple(_list_timings(waterfall)),
        tiers=tuple(map(LegendEntry, styles, waterfall.tiers)),
        has_bytes=max(map(attrgetter("ended_in"), waterfall.requests)) > SENT,
        has_tokens=any(map(attrgetter("is_streamed"), waterfall.requests)),
        has_spans=any(map(attrgetter("placed"), waterfall.requests)),
        has_traces=any(map(attrgetter("trace"), waterfall.requests)),
        is_complete=waterfall.is_complete,
        data=pack_requests(waterfall, styles),
    )


def _list_groups(
    waterfall: Waterfall, slowest: Sequence[int], styles: Sequence[str]
) -> Iterator[RequestGroup]:
    if slowest:
        axis_ms = end_of_axis(waterfall.requests[slowest[0]].total_ms)
        yield _group("Slowest", waterfall, slowest, axis_ms, styles)
        if waterfall.median is not None:
            yield _group("Typical: the median response time", waterfall, [waterfall.median], axis_ms, styles)
    if waterfall.failed:
        longest_ms = max(waterfall.requests[number].total_ms for number in waterfall.failed)
        yield _group("Failed", waterfall, waterfall.failed, end_of_axis(longest_ms), styles)


def end_of_axis(longest_ms: float) -> float:
    """Return the round end of a time axis."""
    part_ms = max(longest_ms, 1.0) / _PARTS
    power = 10.0 ** math.floor(math.log10(part_ms))
    return _PARTS * next(step * power for step in _STEPS if step * power >= part_ms)


def _group(
    title: str, waterfall: Waterfall, numbers: Sequence[int], axis_ms: float, styles: Sequence[str]
) -> RequestGroup:
    ticks = ["0"]
    for part in range(1, _PARTS + 1):
        ticks.append(request_words.time_text(axis_ms * part / _PARTS))
    rows = [_make_row(waterfall, number, axis_ms, styles) for number in numbers]
    return RequestGroup(title, tuple(ticks), tuple(rows))


def _make_row(waterfall: Waterfall, number: int, axis_ms: float, styles: Sequence[str]) -> RequestRow:
    request = waterfall.requests[number]
    failed = request.outcome is not Outcome.OK
    difference = request_words.describe_difference(request, waterfall)
    note = f"{_COMPARED} {difference}" if difference else ""
    if failed:
        note = request_words.describe_failure(request)
    scale = 100.0 / axis_ms
    ends_ms = [*accumulate(request.timings_ms)]
    has_byte = request.ended_in > SENT
    lanes = 1 + max(map(attrgetter("lane"), request.placed), default=0)
    return RequestRow(
        number=number,
        name=request_words.name_request(request),
        place=request_words.place_request(request, waterfall),
        total=request_words.total_text(request),
        note=note,
        failed=failed,
        text=request_words.describe_request(request, waterfall),
        trace=request.trace or "",
        timings=_place_parts(_TIMING_STYLES, request.timings_ms, 0.0, scale),
        tiers=_place_tiers(request, styles, scale),
        lanes=lanes,
        lane_height=_HEIGHT if lanes == 1 else _LANE_HEIGHT,
        end=_round(request.total_ms * scale),
        first_byte=_round(ends_ms[SENT] * scale) if has_byte else None,
        first_token=_round(ends_ms[_FIRST_TOKEN] * scale) if request.is_streamed else None,
        is_open=request.is_open,
    )


def _place_tiers(request: WaterfallRequest, styles: Sequence[str], scale: float) -> tuple[BarPart, ...]:
    """Return the tiers at the places of their spans.

    Without spans, they follow each other after the request was sent, and then the time that none reports.

    Tiers that worked at the same time are longer together than the response took, so they are shortened to
    their shares of it.
    """
    if request.placed:
        return tuple(_place_spans(request, styles, scale))
    if not request.tiers_ms:
        return ()
    sent_ms = sum(request.timings_ms[:SENT])
    service_ms = request.total_ms - sent_ms
    reported_ms = sum(filter(None, request.tiers_ms))
    share = service_ms / reported_ms if reported_ms > service_ms else 1.0
    tiers_ms: list[float] = []
    for time_ms in request.tiers_ms:
        tiers_ms.append(share * (time_ms or 0.0))
    rest_ms = max(0.0, service_ms - reported_ms)
    return _place_parts([*styles, f"c{UNATTRIBUTED_COLOUR}"], [*tiers_ms, rest_ms], sent_ms, scale)


def _place_spans(request: WaterfallRequest, styles: Sequence[str], scale: float) -> Iterator[BarPart]:
    for placed in request.placed:
        if placed.length_ms * scale >= _LEAST_WIDTH:
            start = _round(placed.start_ms * scale)
            yield BarPart(styles[placed.tier], start, _round(placed.length_ms * scale), placed.lane)


def _place_parts(
    styles: Sequence[str], times_ms: Sequence[float], start_ms: float, scale: float
) -> tuple[BarPart, ...]:
    """Return parts one after the other; those that are too narrow to be seen are left out."""
    parts: list[BarPart] = []
    at_ms = start_ms
    for style, time_ms in zip(styles, times_ms, strict=True):
        if time_ms * scale >= _LEAST_WIDTH:
            parts.append(BarPart(style, _round(at_ms * scale), _round(time_ms * scale)))
        at_ms += time_ms
    return tuple(parts)


def _round(place: float) -> float:
    return round(place, _DIGITS)


def _list_timings(waterfall: Waterfall) -> Iterator[LegendEntry]:
    """Yield the timings that take at least a hundredth of any request."""
    for number, timing in enumerate(TIMINGS):
        shares = (request.timings_ms[number] / (request.total_ms or 1.0) for request in waterfall.requests)
        if max(shares) >= _LEAST_SHARE:
            yield LegendEntry(f"t{number}", timing)
