"""The charts of a page as data: what is drawn, in which tone, and the same as a table.

A chart is drawn by the page's script, and read without it from its table.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from bench.core.report.distribution import Distribution
from bench.core.report.series import RunSeries
from bench.core.report.timeline import Curve, Period, Timeline
from bench.core.run.bottleneck import Bottleneck
from bench.core.samples.metrics import METRICS
from bench.core.samples.sample import HOST
from bench.core.values import wording
from bench.render.document.loads import unit_of
from bench.render.document.table import Table
from bench.render.document.watched import source_name

Values = Sequence[float | None]
_ROWS = 20  # of the table beside a distribution
_PALETTE = 7  # tones of lines that are equals
_WRITTEN: dict[str, Callable[[float], str]] = {
    "ms": wording.duration,
    "share": wording.percent,
    "pct": lambda value: f"{value:.0f} %",
    "bytes": lambda value: wording.memory(round(value)),
    "s": lambda value: f"{value:.4g} s",
    "rps": lambda value: f"{value:.3g}/s",
    "load": lambda value: f"{value:.4g}",
    "1": lambda value: f"{value:.4g}",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart.

    Attributes:
        label: Its name in the legend.
        tone: Its colour, by what it means: `accent`, `quiet`, `bad`, or one of several equals by number.
        values: One for each place of its layer; None where there is none.
        look: `line`, `dashed`, `step`, `dots`, or `edge` of a band.
    """

    label: str
    tone: str
    values: Values
    look: str = "line"


@dataclass(frozen=True, slots=True)
class Layer:
    """Lines that share their places."""

    at: Sequence[float]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place that is marked from top to bottom, with its tone."""

    at: float
    tone: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart.

    Attributes:
        title: What is shown.
        text: How to read it, in a sentence or two.
        across: Unit of the places: `s` into the run, `ms`, `load`, or `date`, which is seconds since 1970.
        unit: Of the values: `ms`, `share`, `rps`, `pct`, `bytes` or `1`.
        layers: What is drawn.
        table: The same in rows.
        phases: Parts of the run, to be shaded in turns.
        outages: When something was down.
        end: Where the places end; None for the last of them.
        marks: Places where something happened.
        from_zero: Whether the values begin at nothing; else where the least of them is.
    """

    title: str
    text: str
    across: str
    unit: str
    layers: tuple[Layer, ...]
    table: Table
    phases: tuple[Period, ...] = ()
    outages: tuple[Period, ...] = ()
    end: float | None = None
    marks: tuple[Mark, ...] = ()
    from_zero: bool = True


def spread(series: RunSeries) -> tuple[Chart, ...]:
    """How latencies spread."""
    return tuple(_spread(each) for each in series.distributions)


def against_load(found: Bottleneck | None) -> tuple[Chart, ...]:
    """Waiting at each load; empty where the load was the same all the time."""
    if found is None or len(found.bands) < 2:  # noqa: PLR2004 - one load is no line
        return ()
    middles = [sum(band.vus) / 2 for band in found.bands]
    lines = (
        Line("p50", "c0", [band.p50_ms for band in found.bands]),
        Line("p95", "c1", [band.p95_ms for band in found.bands]),
    )
    layer = Layer(middles, lines)
    unit = unit_of(found)
    title = f"Response time against {unit}"
    chart = Chart(
        title=title,
        text=f"Response time at each number of {unit}.",
        across="load",
        unit="ms",
        layers=(layer,),
        table=_table(title, (unit, "load"), layer, "ms"),
    )
    return (chart,) if any(value is not None for line in lines for value in line.values) else ()


def course(series: RunSeries) -> tuple[Chart, ...]:
    """The run over time: every chart under the same axis; empty when there is nothing to draw."""
    line = series.timeline
    if line is None:
        return ()
    charts = [
        _waiting(line),
        _over_time(
            line, "Requests per second", "By how they ended, at the time they ended.", "rps", _rates(line)
        ),
        _over_time(
            line,
            "Requests under way",
            "Due and not yet answered, in the mean: the users that wait.",
            "1",
            (Line(line.in_flight.label, "c0", line.in_flight.values),),
        ),
        _over_time(line, "CPU", _of_cores(line), "pct", _equals(line.cpu_pct)),
        _over_time(line, "Memory", "In use, by service.", "bytes", _equals(line.memory_bytes)),
        *(
            _over_time(line, each.label, "As the service itself says.", "1", _equals([each]))
            for each in line.gauges
        ),
    ]
    return tuple(chart for chart in charts if any(layer.lines for layer in chart.layers))


def written(value: float | None, unit: str) -> str:
    """A value of a chart for people."""
    if value is None:
        return wording.DASH
    return _WRITTEN[unit](value)


def _spread(each: Distribution) -> Chart:
    label = METRICS[each.key].label
    lines = []
    if each.baseline_runs:
        runs = wording.counted(each.baseline_runs, "run")
        lines += [
            Line(f"{runs} of the baseline, highest", "quiet", each.highest, "edge"),
            Line(f"{runs} of the baseline, lowest", "quiet", each.lowest, "edge"),
            Line("their median", "quiet", each.middle, "dashed"),
        ]
    lines.append(Line("messages, this run", "accent", each.messages, "step"))
    if each.requests:
        lines.append(Line("requests, this run", "c0", each.requests, "dashed"))
    text = "How many took at most so long: further to the left is faster. Messages by what is typical of each"
    text += (
        "; the band holds the baseline's runs, which keep no single requests."
        if each.baseline_runs
        else "; there is no baseline to compare with."
    )
    step = max(1, len(each.at_ms) // _ROWS)
    layer = Layer(each.at_ms, tuple(lines))
    return Chart(
        title=f"{label.capitalize()}: its distribution",
        text=text,
        across="ms",
        unit="share",
        layers=(layer,),
        table=_table(f"{label.capitalize()}: shares", ("at most", "ms"), layer, "share", step),
    )


def _waiting(line: Timeline) -> Chart:
    tones = ("c0", "c1", "c2", "c3")
    curves = tuple(
        Line(each.label, tone, each.values) for each, tone in zip(line.latencies, tones, strict=False)
    )
    chart = _over_time(
        line, "Waiting", f"By when a request was due, in slices of {line.slice_s:g} s.", "ms", curves
    )
    kinds = (("a request", "quiet", line.succeeded), ("a failed request", "bad", line.failed))
    dots = tuple(
        Layer(each.at_s, (Line(label, tone, each.took_ms, "dots"),))
        for label, tone, each in kinds
        if each.at_s
    )
    text = f"{chart.text} Each dot is a request." if dots else chart.text
    return replace(chart, text=text, layers=(*dots, *chart.layers))


def _over_time(line: Timeline, title: str, text: str, unit: str, lines: tuple[Line, ...]) -> Chart:
    layer = Layer(line.at_s, lines)
    return Chart(
        title=title,
        text=text,
        across="s",
        unit=unit,
        layers=(layer,),
        table=_table(f"{title}, over time", ("at", "s"), layer, unit),
        phases=line.phases if len(line.phases) > 1 else (),
        outages=line.outages,
        end=line.end_s,
    )


def _of_cores(line: Timeline) -> str:
    """What a per cent is of, which is another thing for the machine."""
    machine = any(each.label == HOST for each in line.cpu_pct)
    return f"Per cent of one core, by service{'; of the machine, of all its cores' if machine else ''}."


def _rates(line: Timeline) -> tuple[Line, ...]:
    tones = {"succeeded": "c0", "failed": "bad"}
    return tuple(Line(each.label, tones[each.label], each.values) for each in line.rates)


def _equals(curves: Iterable[Curve]) -> tuple[Line, ...]:
    """Lines of which none is more than the others."""
    return tuple(
        Line(source_name(each.label), f"c{number % _PALETTE}", each.values)
        for number, each in enumerate(curves)
    )


def _table(title: str, across: tuple[str, str], layer: Layer, unit: str, step: int = 1) -> Table:
    """A layer as rows, each so many places after the one before; `across` has a name and a unit."""
    name, across_unit = across
    rows = [
        (written(at, across_unit), *(written(line.values[number], unit) for line in layer.lines))
        for number, at in enumerate(layer.at)
        if number % step == 0
    ]
    return Table(title, (name, *(line.label for line in layer.lines)), tuple(rows))
