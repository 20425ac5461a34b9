"""The panels over time: latency, requests per second, and requests in flight."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.core.report.distribution import Distribution
from bench.core.report.run_events import EventKind, RunEvent
from bench.core.report.series import RunSeries
from bench.core.report.timeline import Timeline
from bench.core.samples.metrics import RESPONSE_TIME
from bench.render.html.charts import PALETTE, Chart, Layer, Line, MarkedRange, make_short_table

_TONES = {
    EventKind.FAULT: "bad",
    EventKind.OUTAGE: "bad",
    EventKind.STALL: "caution",
    EventKind.PAUSE: "unsure",
}
_BASELINE = "baseline, typical of a whole run (slices vary more)"
_SHOWN_EVENTS = 4
"""More events are folded."""
_SHOWN_STAGES = 8
"""More stages are folded."""


@dataclass(frozen=True, slots=True)
class EventNote:
    """An event of the run in words."""

    tone: str
    """Its colour in the charts."""
    text: str
    """The event with its times and its effect."""


@dataclass(frozen=True, slots=True)
class OverTime:
    """The panels over time."""

    latency: Chart
    """Latency by the planned time of the requests."""
    traffic: tuple[Chart, ...]
    """Requests per second and requests in flight, which share a panel."""
    stages: str
    """The phases in words; empty if the run has one."""
    stages_label: str
    """Name of the fold of many phases; empty if they are open."""
    events: tuple[EventNote, ...]
    """Events that are explained below the chart."""
    more_events: tuple[EventNote, ...]
    """Events that are folded."""

    @property
    def charts(self) -> tuple[Chart, ...]:
        """All charts in the order of the page."""
        return (self.latency, *self.traffic)


def make_over_time(series: RunSeries) -> OverTime | None:
    """Return the panels over time; None without stored requests."""
    timeline = series.timeline
    if timeline is None:
        return None
    notes = tuple(map(_note, timeline.events))
    return OverTime(
        latency=_latency_chart(timeline, series.distributions),
        traffic=tuple(_traffic_charts(timeline)),
        stages=_describe_stages(timeline),
        stages_label=f"{len(timeline.phases)} stages" if len(timeline.phases) > _SHOWN_STAGES else "",
        events=notes[:_SHOWN_EVENTS],
        more_events=notes[_SHOWN_EVENTS:],
    )


def time_chart(timeline: Timeline, title: str, text: str, unit: str, layers: tuple[Layer, ...]) -> Chart:
    """Return a chart over the time of the run, whose last layer has a value for each slice."""
    return Chart(
        title=title,
        text=text,
        across="s",
        unit=unit,
        layers=layers,
        table=make_short_table(f"{title}, over time", layers[-1], unit),
        phases=timeline.phases if len(timeline.phases) > 1 else (),
        spans=tuple(map(_span, timeline.events)),
        end=timeline.end_s,
    )


def _span(event: RunEvent) -> MarkedRange:
    return MarkedRange(event.start_s, event.end_s, _TONES[event.kind], event.label)


def _note(event: RunEvent) -> EventNote:
    sentence = event.sentence
    return EventNote(_TONES[event.kind], f"{sentence[:1].upper()}{sentence[1:]}.")


def _describe_stages(timeline: Timeline) -> str:
    if len(timeline.phases) == 1:
        return ""
    stages: list[str] = []
    for phase in timeline.phases:
        stages.append(f"{phase.label} from {phase.start_s:.0f} s")
    return f"Stages, shaded alternately: {'; '.join(stages)}."


def _latency_chart(timeline: Timeline, distributions: Sequence[Distribution]) -> Chart:
    """Draw the percentiles of each slice, the requests, and the typical time of the baseline."""
    lines: list[Line] = []
    for number, curve in enumerate(timeline.latencies):
        lines.append(Line(curve.label, f"c{number % PALETTE}", curve.values))
    lines += _baseline_lines(timeline, distributions)
    layers = list(_request_layers(timeline))
    text = f"By the planned time of the requests, in slices of {timeline.slice_s:g} s."
    if layers:
        text += " Each mark is a request."
    if timeline.failures:
        values = list(map(_drawn_count, timeline.failures))
        lines.append(Line("failed requests in a slice", "bad", values, "counts", unit="1"))
    layers.append(Layer(timeline.at_s, tuple(lines)))
    return time_chart(timeline, "Latency over time", text, "ms", tuple(layers))


def _drawn_count(count: int) -> float | None:
    return count or None


def _request_layers(timeline: Timeline) -> Iterable[Layer]:
    for dots, label, tone, look in (
        (timeline.succeeded, "a request", "quiet", "dots"),
        (timeline.failed, "a failed request", "bad", "crosses"),
    ):
        if dots.at_s:
            yield Layer(dots.at_s, (Line(label, tone, dots.took_ms, look),))


def _baseline_lines(timeline: Timeline, distributions: Sequence[Distribution]) -> Iterable[Line]:
    for distribution in distributions:
        middle_ms = distribution.typical.middle_ms
        if distribution.key == RESPONSE_TIME and middle_ms is not None:
            yield Line(_BASELINE, "quiet", [middle_ms] * len(timeline.at_s), "dotted")


def _traffic_charts(timeline: Timeline) -> Iterable[Chart]:
    tones = {"succeeded": "c0", "failed": "bad"}
    rates: list[Line] = []
    for curve in timeline.rates:
        rates.append(Line(curve.label, tones[curve.label], curve.values))
    if rates:
        text = "By result, at the end of the requests."
        if len(rates) == 1:
            text = f"All {rates[0].label}; counted at the end of the requests."
        yield time_chart(timeline, "Requests per second", text, "rps", (Layer(timeline.at_s, tuple(rates)),))
    text = "Mean number of requests that were due and not yet answered."
    in_flight = Line(timeline.in_flight.label, "c0", timeline.in_flight.values)
    yield time_chart(timeline, "Requests in flight", text, "1", (Layer(timeline.at_s, (in_flight,)),))
