"""The quantities that an experiment compares: a metric, and for a latency the statistic of its requests.

A quantity is written as `e2e_ms`, `e2e_ms p95` or `requests_rps`. Without a statistic, a latency has its
typical value: paired by message, and weighted by the requests of each message.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.core.run.costs import cost_values
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.summary import RunSummary
from bench.core.samples.cost_metrics import AVAILABILITY, RUN_METRICS, THROUGHPUT, cost_service, work_key
from bench.core.samples.metric import Better, Metric, MetricKind, Part
from bench.core.samples.metrics import METRICS, RESPONSE_TIME, SUCCESS_RATIO, metric, milestone_name
from bench.core.values.nearest import suggest

FIRST_OUTPUT = "first_output_ms"
"""Time until a user sees something: the first token of a streamed answer, else the complete answer."""
GOODPUT = "goodput_ratio"
"""Share of the responses that meet every objective."""
CPU = "cpu_ms"
"""Processor time of all services per request."""
MEMORY = "memory_bytes"
"""Highest memory of all services together."""
TYPICAL = "typical"
"""The statistic of a latency without another one."""
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
"""Statistics of a latency that are pooled over the runs of a side."""
MEAN = "mean"
REPORTED = (
    "e2e_ms",
    "e2e_ms mean",
    "e2e_ms p50",
    "e2e_ms p95",
    "e2e_ms p99",
    FIRST_OUTPUT,
    THROUGHPUT,
    SUCCESS_RATIO,
    GOODPUT,
    CPU,
    MEMORY,
)
"""Quantities of every comparison that has them."""

_WORK = work_key("")
_TTFT = "ttft_ms"
_TEXT = re.compile(r"(\S+)(?:\s+(\S+))?")
_LABELS = {
    FIRST_OUTPUT: ("time to first output", "ms", Better.LOWER),
    GOODPUT: ("goodput", "ratio", Better.HIGHER),
    CPU: ("processor time per request", "ms", Better.LOWER),
    MEMORY: ("memory", "bytes", Better.LOWER),
}
"""Label, unit and direction of the quantities that are no metric of a run."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A metric, and for a latency the statistic of its requests."""

    key: str
    """Key of the metric, or one of the totals of this module."""
    statistic: str | None = None
    """`typical`, `mean` or a percentile of a latency; None for any other metric."""

    @property
    def text(self) -> str:
        """The quantity as files write it."""
        return self.key if self.statistic in {None, TYPICAL} else f"{self.key} {self.statistic}"

    @property
    def label(self) -> str:
        """The quantity for people."""
        label = _LABELS[self.key][0] if self.key in _LABELS else metric(self.key).label
        return label if self.statistic in {None, TYPICAL} else f"{self.statistic} {label}"

    @property
    def unit(self) -> str:
        """Unit of its values."""
        return _LABELS[self.key][1] if self.key in _LABELS else metric(self.key).unit

    @property
    def higher_is_better(self) -> bool:
        """Whether larger values are a gain."""
        better = _LABELS[self.key][2] if self.key in _LABELS else metric(self.key).better
        return better is Better.HIGHER

    @property
    def is_share(self) -> bool:
        """Whether it is a share of the requests, whose effect is a difference."""
        return self.unit == "ratio"

    @property
    def is_cost(self) -> bool:
        """Whether a run has one value of it, such as throughput and memory."""
        return self.statistic is None and not self.is_share

    @property
    def resolution(self) -> float:
        """The c of the scale log(x + c)."""
        return metric(RESPONSE_TIME).resolution if self.key in _LABELS else metric(self.key).resolution


def parse_quantity(text: str) -> Quantity:
    """Return a quantity by its text: `e2e_ms p95` or `requests_rps`.

    Raises:
        ValueError: There is no such quantity; the message suggests one.
    """
    match = _TEXT.fullmatch(text.strip())
    key = "" if match is None else match[1]
    statistic = None if match is None else match[2]
    if not _exists(key):
        known_keys = [*METRICS, *_LABELS, *RUN_METRICS]
        raise ValueError(f"there is no metric '{key}'; {suggest(key, known_keys)}")
    if not _is_latency(key):
        if statistic is not None:
            raise ValueError(f"'{text}': {key} has one value per run; remove '{statistic}'")
        return Quantity(key)
    statistic = statistic or TYPICAL
    if statistic not in {TYPICAL, MEAN, *PERCENTILES}:
        raise ValueError(f"'{text}': a latency has {TYPICAL}, {MEAN}, {', '.join(PERCENTILES)}")
    return Quantity(key, statistic)


def list_quantities(summaries: Iterable[RunSummary], claimed: Iterable[str]) -> tuple[Quantity, ...]:
    """Return the quantities of a comparison: the reported, the claimed, and the counted work."""
    texts = dict.fromkeys(REPORTED)
    has_tokens = False
    for summary in summaries:
        texts |= dict.fromkeys(map(work_key, sorted(summary.work)))
        has_tokens = has_tokens or _TTFT in summary.metrics
    if not has_tokens:
        del texts[FIRST_OUTPUT]  # it is the response time
    texts |= dict.fromkeys(claimed)
    quantities = dict.fromkeys(map(parse_quantity, texts))
    return tuple(quantities)


def latency_of(summary: RunSummary, key: str) -> MetricSummary | None:
    """Return the summary of a latency; None if no request has it."""
    if key == FIRST_OUTPUT:
        return summary.metrics.get(_TTFT) or summary.metrics.get(RESPONSE_TIME)
    return summary.metrics.get(key)


def value_of(summary: RunSummary, quantity: Quantity) -> float | None:
    """Return the value of a quantity in one run; None if the run does not have it."""
    if quantity.statistic is not None:
        row = latency_of(summary, quantity.key)
        return None if row is None else getattr(row, quantity.statistic)
    if quantity.key == GOODPUT:
        return None if summary.goodput is None else summary.goodput.ratio
    if quantity.key == AVAILABILITY:
        return None if summary.request_availability is None else summary.request_availability.ratio
    if quantity.is_share:
        share = summary.metrics.get(quantity.key)
        return None if share is None else share.mean
    costs = cost_values(summary)
    if quantity.key in {CPU, MEMORY}:
        return _total_of(costs, quantity.key)
    return costs.get(quantity.key)


def count_of(summary: RunSummary, quantity: Quantity) -> int:
    """Return the number of requests that a share is a share of."""
    row = summary.metrics.get(quantity.key)
    return summary.requests if row is None else row.count


def _total_of(costs: Mapping[str, float], key: str) -> float | None:
    """Return the sum of a cost over all services; None without one."""
    values: list[float] = []
    for name, value in costs.items():
        if cost_service(name) is not None and name.endswith(f".{key}"):
            values.append(value)
    return sum(values) if values else None


def _exists(key: str) -> bool:
    if key in _LABELS or key in METRICS or key.startswith(_WORK) or milestone_name(key) is not None:
        return bool(key.removeprefix(_WORK))
    return key in RUN_METRICS


def _is_latency(key: str) -> bool:
    if key == FIRST_OUTPUT:
        return True
    row = _row_of(key)
    return row is not None and row.kind is MetricKind.TREND and row.part is not Part.COSTS


def _row_of(key: str) -> Metric | None:
    return None if key in _LABELS else metric(key)
