"""The one table of metrics. A new metric is one row here and one function.

Latencies are taken from requests that succeeded: a refusal is fast and says nothing about waiting.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from bench.core.sample import Outcome, RequestSample
from bench.core.units import ms


class Kind(StrEnum):
    """What a metric's values are."""

    TREND = "trend"  # a number per request
    RATE = "rate"  # yes or no per request
    COUNTER = "counter"  # one number per run, also given per second


class Better(StrEnum):
    """Which way a metric should go."""

    LOWER = "lower"
    HIGHER = "higher"


class Part(StrEnum):
    """What a metric may do to the decision."""

    DECIDES = "decides"  # may fail the run, and leave it undecided
    LOCATES = "locates"  # one tier's share: may fail the run, never leaves it undecided
    EXPLAINS = "explains"  # what no tier claims, the machine's share in it: compared, and never fails the run
    INFORMS = "informs"  # shown only


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table.

    Attributes:
        key: Name in files and thresholds; ends in its unit.
        label: Name for people.
        unit: `ms` or `ratio` or `1`.
        kind: What its values are.
        better: Which way it should go.
        part: What it may do to the decision.
        smallest_change: In its unit; a smaller change matters to nobody.
        value: A request's value, None when the request has none.
    """

    key: str
    label: str
    unit: str
    kind: Kind
    better: Better
    part: Part
    smallest_change: float
    value: Callable[[RequestSample], float | None]


NETWORK = "network"
_HOP_PREFIX, _HOP_SUFFIX = "hop.", "_ms"
_HOP_SMALLEST_CHANGE_MS = 10.0


def _e2e_ms(sample: RequestSample) -> float | None:
    return ms(sample.finished_s - sample.scheduled_s) if sample.outcome is Outcome.OK else None


def _service_ms(sample: RequestSample) -> float | None:
    if sample.outcome is not Outcome.OK or sample.sent_s is None:
        return None
    return ms(sample.finished_s - sample.sent_s)


def _ttft_ms(sample: RequestSample) -> float | None:
    if sample.outcome is not Outcome.OK or sample.first_token_s is None:
        return None
    return ms(sample.first_token_s - sample.scheduled_s)


def _tpot_ms(sample: RequestSample) -> float | None:
    """Time per output token after the first: (last - first) / (tokens - 1)."""
    if sample.outcome is not Outcome.OK or sample.first_token_s is None or sample.last_token_s is None:
        return None
    gaps = (sample.tokens or 0) - 1
    return ms(sample.last_token_s - sample.first_token_s) / gaps if gaps > 0 else None


def _tokens(sample: RequestSample) -> float | None:
    return None if sample.tokens is None or sample.outcome is not Outcome.OK else float(sample.tokens)


def _intercepted(sample: RequestSample) -> float | None:
    return None if sample.intercepted is None else float(sample.intercepted)


def _send_lag_ms(sample: RequestSample) -> float | None:
    """Our own lateness: opening a connection is the target's time, so it is taken out."""
    if sample.sent_s is None:
        return None
    return ms(sample.sent_s - sample.scheduled_s - (sample.connect_s or 0.0))


def _success(sample: RequestSample) -> float | None:
    return float(sample.outcome is Outcome.OK)


def _one(sample: RequestSample) -> float | None:  # noqa: ARG001 - every request counts once
    return 1.0


def _hop_ms(name: str) -> Callable[[RequestSample], float | None]:
    def value(sample: RequestSample) -> float | None:
        return sample.hops.get(name) if sample.outcome is Outcome.OK else None

    return value


def _network_ms(sample: RequestSample) -> float | None:
    """What no tier claims: the network, kernels, and our own reading."""
    service_ms = _service_ms(sample)
    if service_ms is None or not sample.hops:
        return None
    return max(0.0, service_ms - sum(sample.hops.values()))


_LOWER, _TREND = Better.LOWER, Kind.TREND
METRICS: dict[str, Metric] = {
    row.key: row
    for row in (
        Metric("e2e_ms", "response time", "ms", _TREND, _LOWER, Part.DECIDES, 10.0, _e2e_ms),
        Metric("success_ratio", "success", "ratio", Kind.RATE, Better.HIGHER, Part.DECIDES, 0.0, _success),
        Metric("ttft_ms", "time to first token", "ms", _TREND, _LOWER, Part.DECIDES, 10.0, _ttft_ms),
        Metric("tpot_ms", "time per output token", "ms", _TREND, _LOWER, Part.INFORMS, 1.0, _tpot_ms),
        Metric("service_ms", "service time", "ms", _TREND, _LOWER, Part.INFORMS, 10.0, _service_ms),
        Metric("send_lag_ms", "send lag", "ms", _TREND, _LOWER, Part.INFORMS, 10.0, _send_lag_ms),
        Metric(
            "interception_ratio",
            "interception",
            "ratio",
            Kind.RATE,
            Better.HIGHER,
            Part.INFORMS,
            0.0,
            _intercepted,
        ),
        Metric("tokens", "output tokens", "1", Kind.COUNTER, Better.HIGHER, Part.INFORMS, 0.0, _tokens),
        Metric("requests", "requests", "1", Kind.COUNTER, Better.HIGHER, Part.INFORMS, 0.0, _one),
    )
}


# What can be asked of a single answer: milliseconds that it takes at most.
OBJECTIVES = ("e2e_ms", "ttft_ms", "tpot_ms", "service_ms")


def hop_key(name: str) -> str:
    """The metric's key of a tier: `backend` → `hop.backend_ms`."""
    return f"{_HOP_PREFIX}{name}{_HOP_SUFFIX}"


def hop_name(key: str) -> str | None:
    """The tier that a metric belongs to, or None when it is no tier's."""
    if key.startswith(_HOP_PREFIX) and key.endswith(_HOP_SUFFIX):
        return key.removeprefix(_HOP_PREFIX).removesuffix(_HOP_SUFFIX)
    return None


def metric(key: str) -> Metric:
    """The row of a metric; tiers have rows made for them.

    Raises:
        KeyError: There is no such metric.
    """
    name = hop_name(key)
    if name is None:
        return METRICS[key]
    value, part = (_network_ms, Part.EXPLAINS) if name == NETWORK else (_hop_ms(name), Part.LOCATES)
    return Metric(key, name, "ms", _TREND, _LOWER, part, _HOP_SMALLEST_CHANGE_MS, value)
