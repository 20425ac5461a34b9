"""The numbers at the top of a run's page, each with the values of the baseline's runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.report.capacity_words import describe_load, describe_range
from bench.core.report.report import Report
from bench.core.report.series import RunSeries
from bench.core.report.words import PROVEN, VERDICTS, Tone
from bench.core.run.result import RunResult
from bench.core.run.safe_load import compared_load
from bench.core.samples.cost_metrics import THROUGHPUT
from bench.core.samples.metric import MetricKind, Part
from bench.core.samples.metrics import RESPONSE_TIME, metric, request_metrics, tail_key
from bench.core.values import wording
from bench.core.verdict.verdict import MetricComparison, Verdict

_LEFT = 2.0
_RUNS_END = 82.0
_DOT = 95.0
"""Places in per cent of a sparkline's width: its first run, its last run, and the run of the page."""
_TOP = 6.0
_BOTTOM = 30.0
"""Heights in pixels of the largest and of the smallest value."""
_FEWEST_RUNS = 2
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class SparkLine:
    """A piece of the line through the runs of a baseline."""

    x1: float
    """Start, in per cent of the width."""
    y1: float
    """Height of the start, in pixels."""
    x2: float
    """End."""
    y2: float
    """Height of the end."""


@dataclass(frozen=True, slots=True)
class Sparkline:
    """The values of a baseline's runs as a line on their range, then this run as a dot."""

    band: tuple[float, float] | None
    """Top and height of the range of the runs, in pixels; None if all have the same value."""
    lines: tuple[SparkLine, ...]
    """The line through the runs, the oldest first."""
    dot: float
    """Height of this run's value, in pixels."""
    text: str
    """The numbers in words."""
    caption: str
    """Name of the line, in a few words."""
    bridge: SparkLine
    """The line from the newest run of the baseline to this run."""


@dataclass(frozen=True, slots=True)
class RunTile:
    """A number, its change, and how it stands to the baseline's runs."""

    label: str
    """Name of the metric."""
    text: str
    """The number with its unit."""
    note: str
    """The change, or another remark; may be empty."""
    tone: Tone = Tone.QUIET
    """The verdict on it; quiet if it is not judged."""
    spark: Sparkline | None = None
    """The baseline's runs; None without them."""


def make_tiles(report: Report, series: RunSeries) -> tuple[RunTile, ...]:
    """Return the tiles of a run."""
    baseline = {row.key: row.values for row in series.baseline}
    capacity = report.result.capacity
    tiles = _Tiles(report, baseline)
    return tuple(tiles.list_all() if capacity is None else tiles.list_of_search(capacity))


@dataclass(frozen=True, slots=True)
class _Tiles:
    """Makes the tiles of a report."""

    report: Report
    baseline: Mapping[str, Sequence[float]]

    def list_all(self) -> Iterable[RunTile]:
        """Yield the deciding metrics, with the p95 behind the response time, then the throughput."""
        summary = self.report.result.summary
        compared = {row.key: row for row in self.report.comparison.metrics}
        for key in request_metrics({**summary.metrics, **compared}):
            if metric(key).part is Part.DECIDES:
                yield from self._deciding(key, compared.get(key))
            if key == RESPONSE_TIME:
                yield from self._percentile(compared.get(tail_key(key)))
        yield from self._throughput(compared.get(THROUGHPUT))

    def list_of_search(self, capacity: CapacityResult) -> Iterable[RunTile]:
        """Yield the safe load, its throughput, the tier that breaks, and the load that brings no gain."""
        safe = capacity.safe_load
        if safe is not None:
            is_open = safe.high is None
            load = describe_load(safe.low if is_open else safe.load, capacity.unit)
            interval = f"{wording.confidence(safe.confidence)} interval: {describe_range(safe)}"
            compared = compared_load(self.report.result)
            key = "" if compared is None else compared.key
            row = next((row for row in self.report.comparison.metrics if row.key == key), None)
            yield RunTile(
                "safe load",
                f"≥ {load}" if is_open else load,
                "" if is_open else interval,
                _tone(row),
                self._spark(key, safe.load),
            )
        if capacity.throughput_rps is not None:
            load = (
                ""
                if safe is None
                else f"at {describe_load(safe.low if safe.high is None else safe.load, capacity.unit)}"
            )
            yield RunTile("answers", f"{wording.rate(capacity.throughput_rps)}/s", load)
        if capacity.breaks_at is not None:
            yield RunTile("breaks at", wording.shorten(capacity.breaks_at), "the tier that grows most")
        if capacity.no_gain_from is not None:
            yield RunTile(
                "no gain from",
                describe_load(capacity.no_gain_from, capacity.unit),
                "more load only adds waiting",
            )

    def _deciding(self, key: str, row: MetricComparison | None) -> Iterator[RunTile]:
        summary = self.report.result.summary.metrics.get(key)
        if row is not None and row.head is not None:
            head = wording.value(row.head, metric(key).unit, lower_bound=row.head_bound)
            yield RunTile(metric(key).label, head, _note(row), _tone(row), self._spark(key, row.head))
        elif summary is not None and metric(key).kind is not MetricKind.TREND:
            text = wording.value(summary.mean, metric(key).unit)
            spark = self._spark(key, summary.mean)
            yield RunTile(metric(key).label, text, _of_requests(summary.count), spark=spark)
        elif summary is not None:
            is_bound = "typical" in summary.lower_bounds
            text = wording.value(summary.typical, metric(key).unit, lower_bound=is_bound)
            yield RunTile(metric(key).label, text, "", spark=self._spark(key, summary.typical))

    def _percentile(self, row: MetricComparison | None) -> Iterator[RunTile]:
        response = self.report.result.summary.metrics.get(RESPONSE_TIME)
        if response is None or response.p95 is None:
            return
        note = "too few requests to be reliable" if "p95" in response.unreliable else ""
        if row is not None and row.change_ratio is not None:
            change = f"{wording.change(row.change_ratio)} from {row.base_text}"
            note = f"{change}; {note}" if note else change
        text = wording.duration(response.p95, lower_bound="p95" in response.lower_bounds)
        spark = self._spark(tail_key(RESPONSE_TIME), response.p95)
        yield RunTile(metric(tail_key(RESPONSE_TIME)).label, text, note, _judged_tone(row), spark)

    def _throughput(self, row: MetricComparison | None) -> Iterator[RunTile]:
        result = self.report.result
        counted = wording.counted(result.summary.requests, "request")
        rate_rps = result.summary.requests_rps
        if rate_rps is None:
            yield RunTile("requests", f"{result.summary.requests:,}", "")
            return
        note = _of_load(result, counted)
        if row is not None and row.change_ratio is not None:
            note = f"{wording.change(row.change_ratio)} from {wording.rate(row.base or 0.0)}/s"
        spark = self._spark(THROUGHPUT, rate_rps)
        yield RunTile("throughput, answers", f"{wording.rate(rate_rps)}/s", note, _tone(row), spark)

    def _spark(self, key: str, head: float | None) -> Sparkline | None:
        values = self.baseline.get(key, ())
        if head is None or len(values) < _FEWEST_RUNS:
            return None
        return draw_spark(values, head, metric(key).unit)


def draw_spark(values: Sequence[float], head: float, unit: str) -> Sparkline:
    """Return the values of a baseline's runs and the value of this run on one scale.

    Args:
        values: One value for each run, the oldest first; at least one.
        head: The value of this run.
        unit: Unit of the values.
    """
    low = min(*values, head)
    high = max(*values, head)
    span = high - low

    def height(value: float) -> float:
        if span <= _EQUAL * max(abs(high), _EQUAL):
            return (_TOP + _BOTTOM) / 2
        return round(_BOTTOM - (_BOTTOM - _TOP) * (value - low) / span, 2)

    distance = (_RUNS_END - _LEFT) / max(1, len(values) - 1)
    places = [round(_LEFT + distance * number, 2) for number in range(len(values))]
    lines = []
    for number in range(1, len(values)):
        first, second = values[number - 1], values[number]
        lines.append(SparkLine(places[number - 1], height(first), places[number], height(second)))
    top = height(max(values))
    thickness = round(height(min(values)) - top, 2)
    ends = f"{wording.value(min(values), unit)} to {wording.value(max(values), unit)}"
    return Sparkline(
        band=(top, thickness) if thickness > 0 else None,
        lines=tuple(lines),
        dot=height(head),
        caption=f"{len(values)} baseline runs",
        bridge=SparkLine(places[-1], height(values[-1]), _DOT, height(head)),
        text=f"{len(values)} runs of the baseline: {ends}; this run: {wording.value(head, unit)}",
    )


def _tone(row: MetricComparison | None) -> Tone:
    return Tone.QUIET if row is None else VERDICTS[row.verdict].tone


def _judged_tone(row: MetricComparison | None) -> Tone:
    """Return the tone of a metric that can fail a run; quiet for another one without a proven change."""
    if row is None or not (row.gates or row.verdict in PROVEN):
        return Tone.QUIET
    return Tone.QUIET if row.verdict is Verdict.INCONCLUSIVE else _tone(row)


def _note(row: MetricComparison) -> str:
    note = f"baseline {row.base_text}".removesuffix(" requests")
    if row.change_ratio is not None:
        note = f"{wording.change(row.change_ratio)} from {row.base_text}"
    if row.head_requests is not None:
        note = f"of {row.head_requests:,}, {note}"
    return note


def _of_requests(count: int) -> str:
    return f"of {wording.counted(count, 'request')}"


def _of_load(result: RunResult, counted: str) -> str:
    return f"{counted} in {result.summary.elapsed_s:.0f} s"
