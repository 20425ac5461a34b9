"""The resources of a run as small charts, each with its own axis; idle and flat ones are folded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from operator import attrgetter

from bench.core.report.series import RunSeries
from bench.core.report.timeline import Curve, Timeline
from bench.core.samples.sample import HOST
from bench.core.values import wording
from bench.render.document.table import Table
from bench.render.document.watched import source_name
from bench.render.html.charts import Chart, Layer, Line, format_value, make_short_table
from bench.render.html.run.over_time import time_chart

_ROW = 3
"""Charts that are next to one another."""
_MOST_CHARTS = 60
"""Charts of a run; more would make a page too large."""
_IDLE_PCT = 10.0
"""A process that never uses more of one core is idle."""
_LEAST_DECIMAL = 0.01
_FLAT_RATIO = 0.1
"""Memory that changes by less than this share of its maximum is flat."""


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of a run."""

    shown: tuple[Chart, ...]
    """Open charts."""
    folded: tuple[Chart, ...]
    """Charts of idle processes and flat values, and those for which there is no room."""
    label: str
    """Name of the folded charts, such as `8 more charts, 7 of them idle or flat`."""
    tables: tuple[Table, ...]
    """The values of all charts."""

    @property
    def charts(self) -> tuple[Chart, ...]:
        """All charts in the order of the page."""
        return (*self.shown, *self.folded)


@dataclass(frozen=True, slots=True)
class _Watched:
    """A chart of a resource, and what decides its place."""

    chart: Chart
    highest: float
    is_active: bool


def make_resources(series: RunSeries, rows: int) -> Resources | None:
    """Return the resources of a run; None if none was watched.

    The processes with the most CPU, the largest gauges, and the memory that changed most take turns. Idle and
    flat ones are never open.

    Args:
        series: The curves of the run.
        rows: Rows of open charts.
    """
    timeline = series.timeline
    if timeline is None:
        return None
    kinds = [_cpu(timeline), _gauges(timeline), _memory(timeline)]
    in_turns: list[_Watched] = []
    for turn in zip_longest(*map(_rank_active, kinds)):
        in_turns += filter(None, turn)
    shown = in_turns[: rows * _ROW]
    rest = [watched for watched in chain(*kinds) if watched not in shown]
    drawn = [*in_turns, *rest][:_MOST_CHARTS]
    folded = [watched for watched in rest if watched in drawn]
    if not shown and not folded:
        return None
    return Resources(
        shown=_charts(shown),
        folded=_charts(folded),
        label=_describe_folded(folded, len(rest) - len(folded)),
        tables=tuple(_tables(timeline)),
    )


def _rank_active(kind: Iterable[_Watched]) -> list[_Watched]:
    """Return those that did something, the highest first."""
    active = filter(attrgetter("is_active"), kind)
    return sorted(active, key=attrgetter("highest"), reverse=True)


def _charts(watched: Iterable[_Watched]) -> tuple[Chart, ...]:
    return tuple(map(attrgetter("chart"), watched))


def _describe_folded(folded: Sequence[_Watched], left_out: int) -> str:
    idle = len(folded) - len(_rank_active(folded))
    charts = wording.counted(len(folded), "more chart")
    if left_out:
        return f"{charts}; {left_out} others are only in the tables"
    if idle == len(folded):
        return f"{charts}: idle processes and flat values"
    return f"{charts}, {idle} of them idle or flat" if idle else charts


def _cpu(timeline: Timeline) -> list[_Watched]:
    charts = []
    for curve in timeline.cpu_pct:
        unit_text = "of all cores" if curve.label == HOST else "of one core"
        chart = _chart(timeline, curve, f"{source_name(curve.label)}: CPU", "pct", unit_text)
        highest = _highest(curve)
        charts.append(_Watched(chart, highest, is_active=highest >= _IDLE_PCT))
    return charts


def _memory(timeline: Timeline) -> list[_Watched]:
    """Return the memory of each process; the one that changed by the largest share is the highest."""
    charts = []
    for curve in timeline.memory_bytes:
        chart = _chart(timeline, curve, f"{source_name(curve.label)}: memory", "bytes")
        highest = _highest(curve)
        changed = (highest - _lowest(curve)) / highest if highest else 0.0
        charts.append(_Watched(chart, changed, is_active=changed >= _FLAT_RATIO))
    return charts


def _gauges(timeline: Timeline) -> list[_Watched]:
    charts = []
    for curve in timeline.gauges:
        service, _, name = curve.label.partition(" ")
        chart = _chart(timeline, curve, f"{source_name(service)}: {name}", "1")
        charts.append(_Watched(chart, _highest(curve), is_active=_highest(curve) > _lowest(curve)))
    return charts


def _chart(timeline: Timeline, curve: Curve, title: str, unit: str, unit_text: str = "") -> Chart:
    """Return a small chart, whose text is its mean and its maximum."""
    values = _values(curve)
    mean = format_value(_round_mean(sum(values) / len(values)), unit)
    text = f"mean {mean}, max {format_value(max(values), unit)} {unit_text}".rstrip()
    layer = Layer(timeline.at_s, (Line(title, "c0", curve.values),))
    return replace(time_chart(timeline, title, text, unit, (layer,)), is_small=True)


def _round_mean(mean: float) -> float:
    """Return a mean with three digits, of which at most two are decimals unless it is smaller than these."""
    if abs(mean) < _LEAST_DECIMAL:
        return float(f"{mean:.1g}")
    return round(float(f"{mean:.3g}"), 2)


def _values(curve: Curve) -> list[float]:
    return [value for value in curve.values if value is not None]


def _highest(curve: Curve) -> float:
    return max(_values(curve))


def _lowest(curve: Curve) -> float:
    return min(_values(curve))


def _tables(timeline: Timeline) -> Iterable[Table]:
    for title, curves, unit in (
        ("CPU over time", timeline.cpu_pct, "pct"),
        ("Memory over time", timeline.memory_bytes, "bytes"),
        ("Gauges over time", timeline.gauges, "1"),
    ):
        if curves:
            lines = tuple(map(_line, curves))
            yield make_short_table(title, Layer(timeline.at_s, lines), unit)


def _line(curve: Curve) -> Line:
    return Line(source_name(curve.label), "c0", curve.values)
