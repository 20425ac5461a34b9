"""Drawings of a run with several loads: response times with their limit, and responses per second."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from bench.core.config.scenario import Scenario
from bench.core.report.words import Tone
from bench.core.run.bottleneck import Bottleneck, LoadBand, load_limits
from bench.core.samples.metrics import RESPONSE_TIME
from bench.core.values import wording
from bench.render.document.loads import describe_band, load_unit
from bench.render.html.load_curve import (
    BLANK,
    MOST_LIMITS,
    FittedLine,
    LinePiece,
    LoadCurve,
    Point,
    Scales,
    Tick,
    Zone,
    join_texts,
    list_ticks,
    mark_values,
    write_durations,
)

_HEAD = 24.0
"""Height of the upper end of the scale, below the labels of the zones."""
_PERCENTILE = 95.0
_MOST_TICKS = 5
_VERDICTS = {
    (False, True): ("met", Tone.GOOD, "met"),
    (False, False): ("likely met", Tone.UNSURE, "open"),
    (True, False): ("likely broken", Tone.UNSURE, "open"),
    (True, True): ("broken", Tone.BAD, "broken"),
}
"""Word, tone and shape of a load, by whether a limit is crossed there and whether that is certain."""


def draw_bands(by_load: Bottleneck | None, scenario: Scenario) -> tuple[LoadCurve, ...]:
    """Return the drawings of a run by load; empty if the run has one load, or no percentile of any."""
    if by_load is None or len([band for band in by_load.bands if band.p50_ms is not None]) <= 1:
        return ()
    return _draw_times(by_load, scenario), _draw_rates(by_load)


def find_limit(scenario: Scenario) -> float | None:
    """Return the limit of the p95 of the response time in milliseconds; None without one."""
    for threshold in load_limits(scenario).get(RESPONSE_TIME, ()):
        limit = threshold.expression
        if limit.percentile == _PERCENTILE and limit.operator in {"<", "<="}:
            return limit.limit
    return None


def _draw_times(by_load: Bottleneck, scenario: Scenario) -> LoadCurve:
    limit_ms = find_limit(scenario)
    longest_ms = 0.0
    for band in by_load.bands:
        longest_ms = max(longest_ms, band.p50_ms or 0.0, band.p95_ms or 0.0)
    top = BLANK * max(longest_ms, limit_ms or 0.0)
    if limit_ms:
        top = min(top, MOST_LIMITS * limit_ms)
    scales = Scales(_right(by_load), top or 1.0, head=_HEAD)
    write = write_durations(scales.top)
    points = [
        *_draw_percentile(by_load, scales, "p50", write),
        *_draw_percentile(by_load, scales, "p95", write),
    ]
    limit = None
    if limit_ms is not None:
        name = "objective" if scenario.objectives else "threshold"
        limit = Tick(scales.height(limit_ms), f"{name}: p95 at most {write(limit_ms)}")
    return LoadCurve(
        title=f"Response time by load ({load_unit(by_load)})",
        text="",
        summary=join_texts(points),
        x_ticks=_load_ticks(scales),
        y_ticks=_value_ticks(scales, write),
        zones=_draw_zones(by_load, scales),
        safe=None,
        limit=limit,
        lines=(
            _connect(by_load, scales, "c6", lambda band: band.p50_ms),
            _connect(by_load, scales, "quiet", lambda band: band.p95_ms),
        ),
        points=tuple(points),
        keys=tuple(_list_keys(by_load)),
    )


def _draw_rates(by_load: Bottleneck) -> LoadCurve:
    rates = [band.requests_rps for band in by_load.bands if band.requests_rps is not None]
    scales = Scales(_right(by_load), BLANK * max(rates, default=0.0) or 1.0, head=_HEAD)
    points = []
    for band in by_load.bands:
        if band.requests_rps is not None:
            height = scales.height(band.requests_rps)
            text = f"{_describe(by_load, band)}: {wording.rate(band.requests_rps)} responses/s"
            points.append(Point("all", scales.place(_middle(band)), height, height, height, text))
    return LoadCurve(
        title=f"Responses per second by load ({load_unit(by_load)})",
        text="",
        summary=join_texts(points),
        x_ticks=_load_ticks(scales),
        y_ticks=_value_ticks(scales, lambda rate: f"{wording.rate(rate)}/s"),
        zones=_draw_zones(by_load, scales),
        safe=None,
        limit=None,
        lines=(_connect(by_load, scales, "c0", lambda band: band.requests_rps),),
        points=tuple(points),
        keys=(("all", "responses per second"),),
    )


def _draw_percentile(
    by_load: Bottleneck, scales: Scales, name: str, write: Callable[[float], str]
) -> Iterable[Point]:
    """Yield a point for each load; a lower bound has a line to the top."""
    for band in by_load.bands:
        value = band.p95_ms if name == "p95" else band.p50_ms
        if value is None:
            continue
        word, _, look = _VERDICTS[bool(band.crossed), band.certain]
        is_judged = name == "p95" and by_load.limit_count > 0
        is_bound = name in band.lower_bounds
        text = f"{_describe(by_load, band)}: {name} {'> ' if is_bound else ''}{write(value)}"
        height = scales.height(value)
        yield Point(
            look=look if is_judged else name,
            at=scales.place(_middle(band)),
            height=height,
            low=height,
            high=scales.head if is_bound else height,
            text=f"{text}, {word}" if is_judged else text,
            over=write(value) if value > scales.top else "",
        )


def _list_keys(by_load: Bottleneck) -> Iterable[tuple[str, str]]:
    yield "p50", "p50"
    if not by_load.limit_count:
        yield "p95", "p95"
        return
    looks: dict[str, list[str]] = {}
    for band in by_load.bands:
        word, _, look = _VERDICTS[bool(band.crossed), band.certain]
        if word not in looks.setdefault(look, []):
            looks[look].append(word)
    for look, words in looks.items():
        yield look, f"p95, {' or '.join(words)}"


def _draw_zones(by_load: Bottleneck, scales: Scales) -> tuple[Zone, ...]:
    """Return the ranges of loads with the same verdict; empty without limits."""
    if not by_load.limit_count:
        return ()
    edges = _list_edges(by_load.bands)
    runs: list[list[int]] = []
    for number, band in enumerate(by_load.bands):
        verdict = (bool(band.crossed), band.certain)
        before = by_load.bands[number - 1]
        if runs and verdict == (bool(before.crossed), before.certain):
            runs[-1].append(number)
        else:
            runs.append([number])
    zones = []
    for run in runs:
        first = by_load.bands[run[0]]
        last = by_load.bands[run[-1]]
        word, tone, _ = _VERDICTS[bool(first.crossed), first.certain]
        start = scales.place(edges[run[0]])
        width = round(scales.place(edges[run[-1] + 1]) - start, 2)
        fewest, most = first.vus[0], last.vus[1]
        loads = f"{most}" if fewest == most else f"{fewest} to {most}"
        zones.append(Zone(tone, start, width, word, f"{word}: {loads} {load_unit(by_load, most)}"))
    return tuple(zones)


def _list_edges(bands: Sequence[LoadBand]) -> list[float]:
    """Return the ends of the ranges of loads: half-way between two of them."""
    edges = [max(0.0, bands[0].vus[0] - 0.5)]
    for band, following in pairwise(bands):
        edges.append((band.vus[1] + following.vus[0]) / 2)
    edges.append(bands[-1].vus[1] * BLANK)
    return edges


def _connect(
    by_load: Bottleneck, scales: Scales, tone: str, read: Callable[[LoadBand], float | None]
) -> FittedLine:
    """Return the line from each value to that of the next load."""
    places = []
    for band in by_load.bands:
        value = read(band)
        if value is not None:
            places.append((scales.place(_middle(band)), value))
    segments = []
    for (start, value), (end, next_value) in pairwise(places):
        if max(value, next_value) <= scales.top:
            segments.append(LinePiece(start, scales.height(value), end, scales.height(next_value)))
    return FittedLine(tone, "", tuple(segments))


def _describe(by_load: Bottleneck, band: LoadBand) -> str:
    return f"{describe_band(band)} {load_unit(by_load, band.vus[1])}"


def _middle(band: LoadBand) -> float:
    return sum(band.vus) / 2


def _right(by_load: Bottleneck) -> float:
    return BLANK * max(band.vus[1] for band in by_load.bands) or 1.0


def _load_ticks(scales: Scales) -> tuple[Tick, ...]:
    ticks = []
    for load in list_ticks(scales.right, 1.0):
        ticks.append(Tick(scales.place(load), f"{load:g}"))
    return tuple(ticks)


def _value_ticks(scales: Scales, write: Callable[[float], str]) -> tuple[Tick, ...]:
    return mark_values(scales, list_ticks(scales.top, most=_MOST_TICKS), write)


_MOST_TICKS = 5
