"""The curves of several runs in one chart each."""

from collections.abc import Iterator
from operator import attrgetter

from bench.core.report.listed_run import LETTERS
from bench.core.report.side_by_side import SideBySide
from bench.core.report.side_curves import OverlaidCurves, SearchCurve, SideCurves
from bench.core.values import wording
from bench.render.document.table import Table
from bench.render.html.charts import Chart, Layer, Line, format_value, make_table

_LOOKS = {"B": "dashed", "H": "dashed", "J": "far"}
"""Dashes of runs whose tone has none of its own, or occurs before; side_by_side.css has the same."""
_COLOURS = 7
_TABLE_ROWS = 20
"""Approximate number of rows of a table."""
_SHOWN = ("p50", "p75", "p90", "p95", "p99", "p99.9")


def draw_overlays(side: SideBySide, curves: SideCurves) -> dict[str, Chart]:
    """Return the charts by the end of their id; a chart needs two runs that have its values."""
    charts = dict(_draw_all(curves))
    charts |= dict(_draw_searches(side.searches))
    return charts


def make_line(letter: str, values: tuple[float | None, ...]) -> Line:
    """Return the line of a run: its letter, its colour and its dashes."""
    tone = f"c{LETTERS.index(letter) % _COLOURS}"
    return Line(letter, tone, values, _LOOKS.get(letter, "line"))


def _draw_all(curves: SideCurves) -> Iterator[tuple[str, Chart]]:
    if curves.latency_ms is not None:
        text = "Median by the planned time of the requests, from the start of each run."
        yield "latency", _over_time("Response time", text, "ms", curves.latency_ms)
    if curves.cpu_pct is not None:
        text = "All services of the stack together, in per cent of one core."
        yield "cpu", _over_time("Processor time", text, "pct", curves.cpu_pct)
    if curves.shares is not None:
        yield "shares", _draw_shares(curves.shares)
    if curves.percentiles_ms is not None:
        yield "percentiles", _draw_percentiles(curves.percentiles_ms)


def _make_layer(overlaid: OverlaidCurves) -> Layer:
    lines = []
    for curve in overlaid.curves:
        lines.append(make_line(curve.label, curve.values))
    return Layer(overlaid.at, tuple(lines))


def _over_time(title: str, text: str, unit: str, overlaid: OverlaidCurves) -> Chart:
    layer = _make_layer(overlaid)
    step = max(1, len(overlaid.at) // _TABLE_ROWS)
    return Chart(
        title=title,
        text=text,
        across="s",
        unit=unit,
        layers=(layer,),
        table=make_table(f"{title}, over time", ("at", "s"), layer, unit, step),
        end=overlaid.at[-1],
    )


def _draw_shares(overlaid: OverlaidCurves) -> Chart:
    layer = _make_layer(overlaid)
    title = "Response time: distribution"
    return Chart(
        title=title,
        text="Share of requests that took at most this time; further to the left is faster.",
        across="ms",
        unit="share",
        layers=(layer,),
        table=make_table(
            f"{title}, shares", ("at most", "ms"), layer, "share", len(overlaid.at) // _TABLE_ROWS
        ),
    )


def _draw_percentiles(overlaid: OverlaidCurves) -> Chart:
    layer = _make_layer(overlaid)
    title = "Response time: percentiles"
    rows = []
    for index, place in enumerate(layer.at):
        name = format_value(place, "percentile")
        if name in _SHOWN:
            rows.append((name, *(format_value(line.values[index], "ms") for line in layer.lines)))
    columns = ("percentile", *map(attrgetter("label"), layer.lines))
    return Chart(
        title=title,
        text="Longest time of the fastest requests, up to this share.",
        across="percentile",
        unit="ms",
        layers=(layer,),
        table=Table(f"{title} of the requests", columns, tuple(rows)),
    )


def _draw_searches(searches: tuple[SearchCurve, ...]) -> Iterator[tuple[str, Chart]]:
    """Yield p95 and throughput by load, if two runs are searches."""
    if len(searches) < 2:  # noqa: PLR2004 - a pair
        return
    slow = []
    rates = []
    rows = []
    for search in searches:
        slow.append(Layer(search.loads, (make_line(search.letter, search.p95_ms),)))
        rates.append(Layer(search.loads, (make_line(search.letter, search.throughput_rps),)))
        for load, p95_ms, rate in zip(search.loads, search.p95_ms, search.throughput_rps, strict=True):
            texts = (f"{load:.4g}", format_value(p95_ms, "ms"), f"{wording.rate(rate)}/s")
            rows.append((search.letter, *texts))
    table = Table("Trials by load", ("run", "load", "p95", "answers"), tuple(rows))
    if any(map(attrgetter("has_times"), searches)):
        text = "The p95 of each trial of the searches."
        yield "p95", Chart("Response time by load", text, "load", "ms", tuple(slow), table)
    text = "Answers per second of each trial; a flat line brings no more answers."
    yield "rate", Chart("Throughput by load", text, "load", "rps", tuple(rates), table)
