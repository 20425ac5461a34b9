"""The metrics of several runs next to each other, and their differences from the first run.

A difference has the size 1 if it is as large as the tolerance of its metric, so that milliseconds, shares and
bytes have one order. The size is no test: single runs prove no change.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter

import numpy as np

from bench.core.capacity.load_trial import LoadTrial
from bench.core.experiment.quantities import (
    CPU,
    FIRST_OUTPUT,
    MEMORY,
    TYPICAL,
    Quantity,
    latency_of,
    list_quantities,
    value_of,
)
from bench.core.limits.tolerance import Tolerance
from bench.core.run.costs import cost_values
from bench.core.run.messages import mix_messages
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.result import RunResult
from bench.core.run.summary import RunSummary
from bench.core.samples.cost_metrics import SAFE_LOAD, SAFE_RATE, THROUGHPUT, cpu_key, memory_key, work_key
from bench.core.samples.metric import Better, MetricKind
from bench.core.samples.metrics import (
    RESPONSE_TIME,
    SUCCESS_RATIO,
    UNATTRIBUTED,
    metric,
    metric_of_tail,
    milestone_name,
    tail_key,
    tier_name,
)
from bench.core.values import stats
from bench.core.values.record import LARGEST, Number, Record
from bench.core.verdict.accepted_runs import MARGIN_RATIO
from bench.core.verdict.margins import margin_of

SHARE_SCALE = 0.05
"""A difference of shares has the size 1 at this many points: a share has no tolerance of its own."""
_OWN_TIMES = frozenset({"service_ms", "send_lag_ms", "after_end_ms", "handshake_ms"})
"""Times that repeat the response time, or that belong to the load generator."""
_TAILS = ("p95", "p99")
_LIKE = {FIRST_OUTPUT: "ttft_ms", CPU: cpu_key("all"), MEMORY: memory_key("all")}
"""Metric with the tolerance of a total, which is no metric of a run."""


class ComparedValue(Record):
    """A metric in one run, in the metric's unit."""

    value: Number
    """The value."""
    low: Number | None = None
    """Lower end of its own interval; null without one."""
    high: Number | None = None
    """Upper end of its own interval; null without one, and without an upper end."""
    lower_bound: bool = False
    """The real value is larger: requests were ended while they waited, or no load broke an objective."""
    unreliable: bool = False
    """The value comes from too few requests to be reliable."""
    difference: Number | None = None
    """Value minus that of the first run; null if the first run has none."""
    difference_ratio: Number | None = None
    """The difference as a share of the first run's value; null without one, and for shares."""
    size: Number | None = None
    """The difference divided by the tolerance of the metric, without a sign; null without a difference."""


class ComparedMetric(Record):
    """A metric in several runs."""

    key: str
    """Key of the metric, and for a latency the statistic: `e2e_ms p95`."""
    label: str
    """Name for people."""
    unit: str
    """Unit of its values."""
    higher_is_better: bool
    """Whether larger values are a gain."""
    values: tuple[ComparedValue | None, ...]
    """The value of each run, in the order of the runs; null if the run does not have the metric."""

    @property
    def size(self) -> float:
        """The largest size of a difference; 0 without a difference."""
        largest = 0.0
        for value in self.values:
            if value is not None:
                largest = max(largest, value.size or 0.0)
        return largest

    def count_values(self, numbers: Iterable[int]) -> int:
        """Return how many of the runs at these positions have a value."""
        return sum(self.values[number] is not None for number in numbers)

    @property
    def is_unreliable(self) -> bool:
        """Whether a value comes from too few requests."""
        return any(value is not None and value.unreliable for value in self.values)

    @property
    def has_bound(self) -> bool:
        """Whether a value is a lower bound."""
        return any(value is not None and value.lower_bound for value in self.values)

    @property
    def is_tier(self) -> bool:
        """Whether it is the time of a tier, whose difference people read in milliseconds."""
        return tier_name(self.key) is not None


@dataclass(frozen=True, slots=True)
class _Reading:
    value: float
    low: float | None = None
    high: float | None = None
    lower_bound: bool = False
    unreliable: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """A metric before its differences are known."""

    key: str
    like: str
    """Key of the metric that has its tolerance."""
    label: str
    unit: str
    higher_is_better: bool
    readings: tuple[_Reading | None, ...]

    @property
    def has_value(self) -> bool:
        """Whether a run has a value other than 0."""
        return any(reading is not None and reading.value for reading in self.readings)


def compare_metrics(results: Sequence[RunResult]) -> tuple[ComparedMetric, ...]:
    """Return the metrics that any run has, the largest difference from the first run first.

    Values from too few requests come last. Times are typical values of the messages that all runs have, with
    the same weights in each run.

    Args:
        results: The runs, the base first. All of them have a load of their own.
    """
    rows = _list_rows([*map(attrgetter("summary"), results)])
    return _sort_rows(results[0].scenario.tolerances, rows)


def compare_searches(results: Sequence[RunResult]) -> tuple[ComparedMetric, ...]:
    """Return the safe loads with their intervals, and the throughput at them, of capacity searches."""
    rows: list[_Row] = []
    for unit in ("users", "requests/s"):
        key = SAFE_LOAD if unit == "users" else SAFE_RATE
        loads = tuple(map(_read_safe_load, results, repeat(unit)))
        rows.append(_Row(key, key, metric(key).label, metric(key).unit, True, loads))  # noqa: FBT003
    rates = tuple(map(_read_rate, results))
    rows.append(_Row(THROUGHPUT, THROUGHPUT, "throughput at the safe load", "requests/s", True, rates))  # noqa: FBT003
    return _sort_rows(results[0].scenario.tolerances, rows)


def compare_with_trials(results: Sequence[RunResult], load: float) -> tuple[ComparedMetric, ...]:
    """Return what a run with one load and a search both have: the trial of the search with this load.

    Args:
        results: The runs, the base first; some of them are searches.
        load: The load of the others.
    """
    rows: list[_Row] = []
    for quantity, field in _TRIAL_FIELDS.items():
        readings = map(_read_of_either, results, repeat(quantity), repeat(field), repeat(load))
        rows.append(_make_row(quantity, tuple(readings)))
    return _sort_rows(results[0].scenario.tolerances, rows)


_TRIAL_FIELDS = {
    Quantity(RESPONSE_TIME, "mean"): "mean_ms",
    Quantity(RESPONSE_TIME, "p50"): "p50_ms",
    Quantity(RESPONSE_TIME, "p95"): "p95_ms",
    Quantity(THROUGHPUT): "throughput_rps",
    Quantity(SUCCESS_RATIO): "success_ratio",
}
"""Quantities of a run, and the field of a trial that has the same."""


def find_trial(result: RunResult, load: float) -> LoadTrial | None:
    """Return the last trial of a search with a load; None without one."""
    trials = () if result.capacity is None else result.capacity.trials
    for trial in reversed(trials):
        if trial.load == load:
            return trial
    return None


def _read_of_either(result: RunResult, quantity: Quantity, field: str, load: float) -> _Reading | None:
    if result.capacity is None:
        return _read(result.summary, quantity)
    trial = find_trial(result, load)
    value = None if trial is None else getattr(trial, field)
    return None if value is None else _Reading(value)


def _list_rows(summaries: Sequence[RunSummary]) -> Iterator[_Row]:
    for quantity in _list_all_quantities(summaries):
        if quantity.statistic == TYPICAL:
            yield _make_row(quantity, _read_typical(summaries, quantity.key))
        else:
            yield _make_row(quantity, tuple(map(_read, summaries, repeat(quantity))))
    costs = [*map(cost_values, summaries)]
    for key in _join_keys(costs):
        if key != THROUGHPUT:
            row = metric(key)
            readings = tuple(_optional(values.get(key)) for values in costs)
            yield _Row(key, key, row.label, row.unit, row.better is Better.HIGHER, readings)
    rates = tuple(map(_optional, map(attrgetter("tokens_tps"), summaries)))
    yield _Row("tokens_tps", THROUGHPUT, "output tokens", "tokens/s", True, rates)  # noqa: FBT003


def _list_all_quantities(summaries: Sequence[RunSummary]) -> Iterator[Quantity]:
    """Yield the quantities of an experiment, then the other metrics of requests, the steps and the tiers."""
    seen: set[str] = set()
    for quantity in list_quantities(summaries, ()):
        if not quantity.key.startswith(work_key("")):  # it is among the costs
            seen.add(quantity.key)
            yield quantity
    for key in _join_keys(map(attrgetter("metrics"), summaries)):
        row = metric(key)
        if key in seen or key in _OWN_TIMES or key == "requests":
            continue
        if row.kind is MetricKind.RATE:
            yield Quantity(key)
        elif row.kind is MetricKind.TREND:
            yield Quantity(key, TYPICAL)
            if key == "ttft_ms" or milestone_name(key) is not None:
                yield from map(Quantity, repeat(key), _TAILS)


def _join_keys(maps: Iterable[Mapping[str, object]]) -> list[str]:
    keys: dict[str, None] = {}
    for row in maps:
        keys |= dict.fromkeys(row)
    return list(keys)


def _make_row(quantity: Quantity, readings: tuple[_Reading | None, ...]) -> _Row:
    tier = tier_name(quantity.key)
    label = quantity.label if tier is None else f"time in {tier}"
    if tier == UNATTRIBUTED:
        label = "unattributed time"
    like = _LIKE.get(quantity.key, quantity.key)
    if quantity.statistic in _TAILS and metric_of_tail(tail_key(like)) is not None:
        like = tail_key(like)
    return _Row(quantity.text, like, label, quantity.unit, quantity.higher_is_better, readings)


def _optional(value: float | None) -> _Reading | None:
    return None if value is None else _Reading(value)


def _read(summary: RunSummary, quantity: Quantity) -> _Reading | None:
    value = value_of(summary, quantity)
    if value is None:
        return None
    if quantity.statistic is None:
        return _Reading(value)
    row = latency_of(summary, quantity.key)
    bounds = () if row is None else row.lower_bounds
    unreliable = () if row is None else row.unreliable
    return _Reading(
        value,
        lower_bound=quantity.statistic in bounds,
        unreliable=quantity.statistic in unreliable,
    )


def _read_typical(summaries: Sequence[RunSummary], key: str) -> tuple[_Reading | None, ...]:
    """Return the typical value of the messages that all runs with this metric have, weighted alike.

    Without a common message, each run has the typical value of its own messages.
    """
    rows = [*map(latency_of, summaries, repeat(key))]
    mix = mix_messages(map(attrgetter("messages"), summaries))
    common = {*mix.requests}
    for row in rows:
        if row is not None:
            common.intersection_update(row.figures)
    names = sorted(common - mix.refusals) or sorted(common)
    weights = [*map(mix.requests.__getitem__, names)]
    if not any(weights):
        return tuple(map(_read, summaries, repeat(Quantity(key, TYPICAL))))
    return tuple(map(_read_messages, repeat(key), rows, repeat(names), repeat(weights)))


def _read_messages(
    key: str, row: MetricSummary | None, names: Sequence[str], weights: Sequence[int]
) -> _Reading | None:
    if row is None:
        return None
    values = [*map(row.figures.__getitem__, names)]
    is_bound = not {*names}.isdisjoint(row.bounded_figures)
    like = metric(_LIKE.get(key, key))
    if like.adds_up:
        return _Reading(float(np.average(values, weights=weights)), lower_bound=is_bound)
    return _Reading(stats.typical(values, like.resolution, weights), lower_bound=is_bound)


def _read_safe_load(result: RunResult, unit: str) -> _Reading | None:
    capacity = result.capacity
    if capacity is None or capacity.safe_load is None or capacity.unit != unit:
        return None
    safe = capacity.safe_load
    if safe.high is None:
        return _Reading(safe.low, low=safe.low, lower_bound=True)
    return _Reading(safe.load, low=safe.low, high=safe.high)


def _read_rate(result: RunResult) -> _Reading | None:
    return None if result.capacity is None else _optional(result.capacity.throughput_rps)


def _sort_rows(tolerances: Mapping[str, Tolerance], rows: Iterable[_Row]) -> tuple[ComparedMetric, ...]:
    """Return the rows with a value, by the size of their differences, without those that are always 0."""
    kept = [row for row in rows if row.has_value]
    response_ms = None
    for row in kept:
        if row.key == RESPONSE_TIME and row.readings[0] is not None:
            response_ms = row.readings[0].value
    compared = map(_compare_row, kept, repeat(tolerances), repeat(response_ms))
    return tuple(sorted(compared, key=lambda row: (row.is_unreliable, -row.size)))


def _compare_row(row: _Row, tolerances: Mapping[str, Tolerance], response_ms: float | None) -> ComparedMetric:
    base = row.readings[0]
    scale = None if base is None else _scale_of(row, base.value, tolerances, response_ms)
    values: list[ComparedValue | None] = []
    for number, reading in enumerate(row.readings):
        if reading is None:
            values.append(None)
            continue
        difference = None if base is None or number == 0 else reading.value - base.value
        values.append(_compare_value(row, reading, base, difference, scale))
    return ComparedMetric(
        key=row.key,
        label=row.label,
        unit=row.unit,
        higher_is_better=row.higher_is_better,
        values=tuple(values),
    )


def _compare_value(
    row: _Row, reading: _Reading, base: _Reading | None, difference: float | None, scale: float | None
) -> ComparedValue:
    ratio = None
    if difference is not None and base is not None and base.value > 0 and row.unit != "ratio":
        ratio = _storable(difference / base.value)
    size = None if difference is None or not scale else _storable(abs(difference) / scale)
    return ComparedValue(
        value=reading.value,
        low=reading.low,
        high=reading.high,
        lower_bound=reading.lower_bound,
        unreliable=reading.unreliable,
        difference=difference,
        difference_ratio=ratio,
        size=size,
    )


def _storable(ratio: float) -> float:
    """Return a ratio that a file can contain: the rest of a subtraction in the base makes it boundless."""
    return max(-LARGEST, min(LARGEST, ratio))


def _scale_of(
    row: _Row, base: float, tolerances: Mapping[str, Tolerance], response_ms: float | None
) -> float:
    """Return the tolerated difference of a row in its unit."""
    if row.unit == "ratio":
        return SHARE_SCALE
    margin = margin_of(row.like, tolerances, MARGIN_RATIO, response_ms)
    return margin.of(abs(base))
