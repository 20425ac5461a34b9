"""The panels of a distribution: requests by their time, and percentiles, with those of the baseline."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.core.report.distribution import Basis, Distribution
from bench.core.report.series import RunSeries
from bench.core.samples.metrics import RESPONSE_TIME, metric
from bench.core.values import wording
from bench.render.document.table import Table
from bench.render.html.charts import Chart, Layer, Line, Mark, MarkedRange, format_value

_SHOWN_PLACES = ("p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99")
"""Percentiles in the table."""


@dataclass(frozen=True, slots=True)
class Distributions:
    """The panels of the distributions."""

    main: tuple[Chart, ...]
    """Requests by time, and percentiles, of the response time; or of the only latency."""
    others: tuple[Chart, ...]
    """The same of the other latencies, for the details."""


def make_distributions(series: RunSeries) -> Distributions:
    """Return the panels of the distributions; empty if no request was answered."""
    first: list[Chart] = []
    others: list[Chart] = []
    for distribution in sorted(series.distributions, key=_is_other):
        charts = (_histogram(distribution), _percentile_curve(distribution))
        (others if first else first).extend(charts)
    return Distributions(tuple(first), tuple(others))


def _is_other(distribution: Distribution) -> bool:
    return distribution.key != RESPONSE_TIME


def _name(distribution: Distribution) -> str:
    return metric(distribution.key).label.capitalize()


def _histogram(distribution: Distribution) -> Chart:
    typical = distribution.typical
    own = format_value(typical.run_ms, "ms")
    spans: list[MarkedRange] = []
    if typical.lowest_ms is not None and typical.highest_ms is not None:
        label = f"baseline {format_value(typical.middle_ms, 'ms')}"
        spans.append(MarkedRange(typical.lowest_ms, typical.highest_ms, "quiet", label))
    counts = (*map(float, distribution.counts), None)
    title = f"{_name(distribution)}: distribution"
    return Chart(
        title=title,
        text=" ".join(_histogram_text(distribution)),
        across="ms",
        unit="1",
        layers=(Layer(distribution.edges_ms, (Line("requests, this run", "c0", counts, "bars"),)),),
        table=_bars_table(f"{title}, requests by time", distribution),
        spans=tuple(spans),
        marks=(Mark(typical.run_ms, "c0", label=f"this run {own}"),),
    )


def _histogram_text(distribution: Distribution) -> Iterable[str]:
    typical = distribution.typical
    own = format_value(typical.run_ms, "ms")
    if typical.lowest_ms is None:
        yield f"Line: the typical time, {own}. No baseline to compare with."
    else:
        lowest = format_value(typical.lowest_ms, "ms")
        highest = format_value(typical.highest_ms, "ms")
        runs = wording.counted(distribution.baseline_runs, "run")
        yield f"Line: the typical time, {own}. Band: {lowest} to {highest} in {runs} of the baseline."
    if distribution.longer:
        longer = wording.counted(distribution.longer, "request")
        yield f"{longer} took longer than {format_value(distribution.edges_ms[-1], 'ms')}."
    if distribution.unfinished:
        yield f"{wording.counted(distribution.unfinished, 'request')} did not end and count with their wait."


def _bars_table(title: str, distribution: Distribution) -> Table:
    rows = []
    for index, count in enumerate(distribution.counts):
        start, end = distribution.edges_ms[index : index + 2]
        if count:
            rows.append((format_value(start, "ms"), format_value(end, "ms"), f"{count:,}"))
    if distribution.longer:
        last = format_value(distribution.edges_ms[-1], "ms")
        rows.append((last, wording.DASH, f"{distribution.longer:,}"))
    return Table(title, ("from", "to", "requests"), tuple(rows))


def _percentile_curve(distribution: Distribution) -> Chart:
    curve = distribution.percentiles
    layer = Layer(curve.places, tuple(_percentile_lines(distribution)))
    title = f"{_name(distribution)}: percentiles"
    rows = []
    for index, place in enumerate(layer.at):
        name = format_value(place, "percentile")
        if name in _SHOWN_PLACES:
            values = [format_value(line.values[index], "ms") for line in layer.lines]
            rows.append((name, *values))
    columns = ("percentile", *(line.label for line in layer.lines))
    return Chart(
        title=title,
        text=_percentile_text(distribution),
        across="percentile",
        unit="ms",
        layers=(layer,),
        table=Table(f"{title} of the requests", columns, tuple(rows)),
    )


def _percentile_lines(distribution: Distribution) -> Iterable[Line]:
    curve = distribution.percentiles
    if curve.basis is not None:
        yield Line(f"{curve.basis} of the baseline, highest", "quiet", curve.highest_ms, "edge")
        yield Line(f"{curve.basis} of the baseline, lowest", "quiet", curve.lowest_ms, "edge")
        yield Line("their median", "quiet", curve.middle_ms, "dashed")
    if curve.basis is Basis.MESSAGES:
        yield Line("messages, this run", "c0", curve.messages_ms)
        yield Line("requests, this run", "c0", curve.requests_ms, "dashed")
    else:
        yield Line("requests, this run", "c0", curve.requests_ms)


def _percentile_text(distribution: Distribution) -> str:
    runs = wording.counted(distribution.baseline_runs, "run")
    match distribution.percentiles.basis:
        case None:
            return "No baseline to compare with."
        case Basis.REQUESTS:
            return f"Band: {runs} of the baseline, which keep the percentiles from p75 on."
        case Basis.MESSAGES:
            return f"Band: the typical time of each message in {runs} of the baseline."
