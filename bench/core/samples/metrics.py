"""The one table of metrics. A new metric is one row here and one function.

Latencies are taken from requests that succeeded: a refusal is fast and says nothing about waiting.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

import numpy as np

from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Column, Floats, Samples
from bench.core.values.units import ms


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
    """How a metric influences the decision; docs/reference/metrics.md is written from this table."""

    DECIDES = "decides"
    """Can fail the run, and can make it inconclusive."""
    TAILS = "tails"
    """The 95th percentile of a deciding metric: can fail the run, but cannot make it inconclusive."""
    LOCATES = "locates"
    """The time of one tier: can fail the run, but cannot make it inconclusive."""
    EXPLAINS = "explains"
    """Unattributed time: is compared, but never fails the run."""
    INFORMS = "informs"
    """Is shown only."""


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
        values: Of each request, NaN for those that have none.
    """

    key: str
    label: str
    unit: str
    kind: Kind
    better: Better
    part: Part
    smallest_change: float
    values: Callable[[Samples], Floats]


UNATTRIBUTED = "unattributed"
_TIER_PREFIX, _TIER_SUFFIX = "tier.", "_ms"
_TIER_SMALLEST_CHANGE_MS = 10.0
_TAIL_PREFIX = "p95."


def _of_successes(samples: Samples, values: Floats) -> Floats:
    return np.where(samples.ended(Outcome.OK), values, np.nan)


def _e2e_ms(samples: Samples) -> Floats:
    """From the planned start of a request to the end of its response."""
    return _of_successes(samples, ms(samples.column("finished_s") - samples.column("scheduled_s")))


def _service_ms(samples: Samples) -> Floats:
    """From the last byte sent to the end of the response."""
    return _of_successes(samples, ms(samples.column("finished_s") - samples.column("sent_s")))


def _ttft_ms(samples: Samples) -> Floats:
    """From the planned start to the first text of a streamed response (TTFT)."""
    return _of_successes(samples, ms(samples.column("first_token_s") - samples.column("scheduled_s")))


def _tpot_ms(samples: Samples) -> Floats:
    """Streamed time per token after the first one (TPOT): (last token - first token) / (tokens - 1)."""
    gaps = samples.column("tokens") - 1
    span_ms = ms(samples.column("last_token_s") - samples.column("first_token_s"))
    return _of_successes(samples, np.where(gaps > 0, span_ms / np.maximum(gaps, 1), np.nan))


def _tokens(samples: Samples) -> Floats:
    """Output tokens that the response reports, otherwise its pieces of text."""
    return _of_successes(samples, _known(samples.column("tokens")))


def _intercepted(samples: Samples) -> Floats:
    """Share of the responses that an agent gave without its model, if the target declares how these begin."""
    return _known(samples.column("intercepted"))


def _known(numbers: Column) -> Floats:
    return np.where(numbers < 0, np.nan, numbers)


def _send_lag_ms(samples: Samples) -> Floats:
    """From the planned start to the last byte sent, without opening a connection."""
    late_s = samples.column("sent_s") - samples.column("scheduled_s")
    return ms(late_s - np.nan_to_num(samples.column("connect_s")))


def _success(samples: Samples) -> Floats:
    """Share of the requests with the outcome `ok`."""
    return samples.ended(Outcome.OK).astype(float)


def _one(samples: Samples) -> Floats:
    """Number of requests that were answered or failed."""
    return np.ones(len(samples))


def _tier_ms(tier: str) -> Callable[[Samples], Floats]:
    def values(samples: Samples) -> Floats:
        """Time that the tier itself spent, without the tiers below it."""
        return _of_successes(samples, samples.tier_time(tier))

    return values


def _unattributed_ms(samples: Samples) -> Floats:
    """Service time that no tier reports: network, kernels, and reading by the load generator."""
    claimed_ms, silent = np.zeros(len(samples)), np.ones(len(samples), dtype=bool)
    for tier in samples.tiers:  # one after the other: all at once they would be the run's largest array
        times_ms = samples.tier_time(tier)
        silent &= np.isnan(times_ms)
        claimed_ms += np.nan_to_num(times_ms)
    rest_ms = np.maximum(0.0, _service_ms(samples) - claimed_ms)
    return np.where(silent, np.nan, rest_ms)


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


# What a run has one of, and no request: what was waited after cancellations in terms of before.
RECOVERY = "recovery_ratio"

# What can be asked of a single answer: milliseconds that it takes at most.
OBJECTIVES = ("e2e_ms", "ttft_ms", "tpot_ms", "service_ms")


def tier_key(name: str) -> str:
    """The metric's key of a tier: `backend` → `tier.backend_ms`."""
    return f"{_TIER_PREFIX}{name}{_TIER_SUFFIX}"


def tier_name(key: str) -> str | None:
    """The tier that a metric belongs to, or None when it is no tier's."""
    if key.startswith(_TIER_PREFIX) and key.endswith(_TIER_SUFFIX):
        return key.removeprefix(_TIER_PREFIX).removesuffix(_TIER_SUFFIX)
    return None


def tail_key(key: str) -> str:
    """The key of a metric's 95th percentile: `e2e_ms` → `p95.e2e_ms`."""
    return f"{_TAIL_PREFIX}{key}"


def tailed(key: str) -> str | None:
    """The metric whose 95th percentile this is, or None when it is none; only what decides has one."""
    whole = key.removeprefix(_TAIL_PREFIX)
    row = METRICS.get(whole) if whole != key else None
    return whole if row and row.kind is Kind.TREND and row.part is Part.DECIDES else None


def label_and_unit(key: str) -> tuple[str, str]:
    """Label and unit of whatever a threshold may be on."""
    return ("recovery", "times") if key == RECOVERY else (metric(key).label, metric(key).unit)


def named(key: str) -> str:
    """A metric in a sentence: its label, or `tier` in backticks."""
    tier = tier_name(key)
    return f"`{tier}`" if tier else metric(key).label


@cache
def metric(key: str) -> Metric:
    """The row of a metric; tiers and 95th percentiles have rows made for them.

    Raises:
        KeyError: There is no such metric.
    """
    name, whole = tier_name(key), tailed(key)
    if whole is not None:
        row = METRICS[whole]
        return replace(row, key=key, label=f"p95 of {row.label}", part=Part.TAILS)
    if name is None:
        return METRICS[key]
    values, part = (
        (_unattributed_ms, Part.EXPLAINS) if name == UNATTRIBUTED else (_tier_ms(name), Part.LOCATES)
    )
    return Metric(key, name, "ms", _TREND, _LOWER, part, _TIER_SMALLEST_CHANGE_MS, values)
