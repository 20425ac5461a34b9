"""The charts of a run's page as data: lines, colours, and the same values as a table.

The page's script draws a chart; without the script, the reader sees the table.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bench.core.report.distribution import Distribution
from bench.core.report.series import RunSeries
from bench.core.report.timeline import Curve, Period, Timeline
from bench.core.run.bottleneck import Bottleneck
from bench.core.samples.metrics import metric
from bench.core.samples.sample import HOST
from bench.core.values import wording
from bench.render.document.loads import load_unit
from bench.render.document.table import Table
from bench.render.document.watched import source_name

Values = Sequence[float | None]
_DISTRIBUTION_ROWS = 20
"""Approximate number of rows in the table of a distribution."""
_PALETTE = 7
"""Number of colours for lines of equal importance."""
_FORMATS: dict[str, Callable[[float], str]] = {
    "ms": wording.duration,
    "share": wording.percent,
    "pct": lambda value: f"{value:.0f} %",
    "bytes": lambda value: wording.memory(round(value)),
    "s": lambda value: f"{value:.4g} s",
    "rps": lambda value: f"{wording.rate(value)}/s",
    "load": lambda value: f"{value:.4g}",
    "1": lambda value: f"{value:.4g}",
    "percentile": lambda place: f"p{100.0 * (1.0 - 10.0**-place):.5g}",
    "date": lambda at_s: f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart."""

    label: str
    """Name in the legend."""
    tone: str
    """Colour by meaning: `accent`, `quiet`, `bad`, or `c0` to `c6` for lines of equal importance."""
    values: Values
    """One value for each place of the layer; None for a gap."""
    look: str = "line"
    """`line`, `dashed`, `step`, `dots`, or `edge` of a band."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Lines with the same places on the horizontal axis."""

    at: Sequence[float]
    """The places."""
    lines: tuple[Line, ...]
    """The lines."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line."""

    at: float
    """Place on the horizontal axis."""
    tone: str
    """Colour by meaning."""
    text: str = ""
    """Explanation of one or more lines, which the page shows at the line; may be empty."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart."""

    title: str
    """Heading."""
    text: str
    """Explanation in a sentence or two."""
    across: str
    """Unit of the horizontal axis: `s` of the run, `ms`, `load`, or `date` in seconds since 1970."""
    unit: str
    """Unit of the values: `ms`, `share`, `rps`, `pct`, `bytes` or `1`."""
    layers: tuple[Layer, ...]
    """Lines, from the back to the front."""
    table: Table
    """The same values in rows."""
    phases: tuple[Period, ...] = ()
    """Phases of the run, shaded alternately."""
    outages: tuple[Period, ...] = ()
    """Periods in which a health check failed."""
    end: float | None = None
    """Right end of the horizontal axis; None for the last place."""
    marks: tuple[Mark, ...] = ()
    """Vertical lines."""
    from_zero: bool = True
    """The vertical axis starts at 0; otherwise near the lowest value."""


def distribution_charts(series: RunSeries) -> tuple[Chart, ...]:
    """Return the distribution of each latency."""
    return tuple(map(_distribution_chart, series.distributions))


def load_charts(by_load: Bottleneck | None) -> tuple[Chart, ...]:
    """Return the response time at each load; no chart if the run had one load."""
    if by_load is None or len(by_load.bands) == 1:
        return ()
    p50 = []
    p95 = []
    middles = []
    for band in by_load.bands:
        p50.append(band.p50_ms)
        p95.append(band.p95_ms)
        middles.append(sum(band.vus) / 2)
    if {*p50, *p95} == {None}:
        return ()
    layer = Layer(middles, (Line("p50", "c0", p50), Line("p95", "c1", p95)))
    unit = load_unit(by_load)
    title = f"Response time against {unit}"
    chart = Chart(
        title=title,
        text=f"Response time at each number of {unit}.",
        across="load",
        unit="ms",
        layers=(layer,),
        table=make_table(title, (unit, "load"), layer, "ms"),
    )
    return (chart,)


def time_charts(series: RunSeries) -> tuple[Chart, ...]:
    """Return the charts over time, all with the same horizontal axis; empty without stored requests."""
    timeline = series.timeline
    if timeline is None:
        return ()
    charts = [
        _latency_chart(timeline),
        _time_chart(
            timeline, "Requests per second", "By result, at the end of the requests.", "rps", _rates(timeline)
        ),
        _time_chart(
            timeline,
            "Requests in flight",
            "Mean number of requests that were due and not yet answered.",
            "1",
            (Line(timeline.in_flight.label, "c0", timeline.in_flight.values),),
        ),
        _time_chart(timeline, "CPU", _cpu_text(timeline), "pct", _equal_lines(timeline.cpu_pct)),
        _time_chart(timeline, "Memory", "In use, by service.", "bytes", _equal_lines(timeline.memory_bytes)),
    ]
    for gauge in timeline.gauges:
        charts.append(
            _time_chart(timeline, gauge.label, "As the service reports it.", "1", _equal_lines([gauge]))
        )
    return tuple(filter(_has_lines, charts))


def _has_lines(chart: Chart) -> bool:
    return any(layer.lines for layer in chart.layers)


def format_value(value: float | None, unit: str) -> str:
    """Return a value of a chart for people; the unit is one of `Chart.across` or `Chart.unit`."""
    if value is None:
        return wording.DASH
    return _FORMATS[unit](value) if unit in _FORMATS else wording.with_unit(value, unit)


def _distribution_chart(distribution: Distribution) -> Chart:
    label = metric(distribution.key).label.capitalize()
    layer = Layer(distribution.at_ms, tuple(_distribution_lines(distribution)))
    text = "Share of requests that took at most this time; further to the left is faster."
    text += " A message counts with its typical time."
    if distribution.baseline_runs:
        text += " The band contains the runs of the baseline, which keeps no single requests."
    else:
        text += " There is no baseline to compare with."
    step = max(1, len(distribution.at_ms) // _DISTRIBUTION_ROWS)
    return Chart(
        title=f"{label}: distribution",
        text=text,
        across="ms",
        unit="share",
        layers=(layer,),
        table=make_table(f"{label}: shares", ("at most", "ms"), layer, "share", step),
    )


def _distribution_lines(distribution: Distribution) -> Iterable[Line]:
    if distribution.baseline_runs:
        runs = wording.counted(distribution.baseline_runs, "run")
        yield Line(f"{runs} of the baseline, highest", "quiet", distribution.highest, "edge")
        yield Line(f"{runs} of the baseline, lowest", "quiet", distribution.lowest, "edge")
        yield Line("their median", "quiet", distribution.middle, "dashed")
    yield Line("messages, this run", "accent", distribution.messages, "step")
    if distribution.requests:
        yield Line("requests, this run", "c0", distribution.requests, "dashed")


def _latency_chart(timeline: Timeline) -> Chart:
    """Draw the percentiles of each slice, and each request if there are few."""
    lines = []
    for number, curve in enumerate(timeline.latencies):
        lines.append(Line(curve.label, f"c{number % _PALETTE}", curve.values))
    text = f"By the planned time of the requests, in slices of {timeline.slice_s:g} s."
    chart = _time_chart(timeline, "Latency", text, "ms", tuple(lines))
    dots = []
    if timeline.succeeded.at_s:
        line = Line("a request", "quiet", timeline.succeeded.took_ms, "dots")
        dots.append(Layer(timeline.succeeded.at_s, (line,)))
    if timeline.failed.at_s:
        line = Line("a failed request", "bad", timeline.failed.took_ms, "dots")
        dots.append(Layer(timeline.failed.at_s, (line,)))
    if dots:
        text += " Each dot is a request."
    return replace(chart, text=text, layers=(*dots, *chart.layers))


def _time_chart(timeline: Timeline, title: str, text: str, unit: str, lines: tuple[Line, ...]) -> Chart:
    layer = Layer(timeline.at_s, lines)
    return Chart(
        title=title,
        text=text,
        across="s",
        unit=unit,
        layers=(layer,),
        table=make_table(f"{title}, over time", ("at", "s"), layer, unit),
        phases=timeline.phases if len(timeline.phases) > 1 else (),
        outages=(*timeline.faults, *timeline.outages),
        end=timeline.end_s,
    )


def _cpu_text(timeline: Timeline) -> str:
    labels = [curve.label for curve in timeline.cpu_pct]
    machine = "; the machine: of all its cores" if HOST in labels else ""
    return f"Per cent of one core, by service{machine}."


def _rates(timeline: Timeline) -> tuple[Line, ...]:
    tones = {"succeeded": "c0", "failed": "bad"}
    lines = []
    for curve in timeline.rates:
        lines.append(Line(curve.label, tones[curve.label], curve.values))
    return tuple(lines)


def _equal_lines(curves: Iterable[Curve]) -> tuple[Line, ...]:
    lines = []
    for number, curve in enumerate(curves):
        lines.append(Line(source_name(curve.label), f"c{number % _PALETTE}", curve.values))
    return tuple(lines)


def make_table(title: str, across: tuple[str, str], layer: Layer, unit: str, step: int = 1) -> Table:
    """Return a layer as rows.

    Args:
        title: Heading of the table.
        across: Heading and unit of the first column.
        layer: The lines.
        unit: Unit of the values.
        step: Take every n-th place.
    """
    name, across_unit = across
    rows = []
    for index in range(0, len(layer.at), step):
        values = [format_value(line.values[index], unit) for line in layer.lines]
        rows.append((format_value(layer.at[index], across_unit), *values))
    columns = (name, *(line.label for line in layer.lines))
    return Table(title, columns, tuple(rows))
