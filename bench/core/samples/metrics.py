"""Looks up metrics by key, including those of tiers and of 95th percentiles."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from bench.core.samples.arrays import Floats
from bench.core.samples.cost_metrics import cost_metric
from bench.core.samples.metric import Metric, MetricKind, Part, RequestColumns
from bench.core.samples.request import REQUEST_METRICS, only_ok, time_to, waited_for

METRICS: dict[str, Metric] = {row.key: row for row in REQUEST_METRICS}
"""The metrics of requests by key, in the order of reports."""
RESPONSE_TIME = "e2e_ms"
"""Key of the response time."""
RECOVERY = "recovery_ratio"
"""Key of the waiting time after cancellations divided by the waiting time before them: one value per run."""
OBJECTIVES = ("e2e_ms", "ttft_ms", "tpot_ms", "service_ms")
"""Metrics that may have an objective: the longest time for one response, in milliseconds."""
SUCCESS_RATIO = "success_ratio"
"""Key of the share of successful requests, which covers all steps of a journey."""
UNATTRIBUTED = "unattributed"
"""Name of the tier for time that no tier reports."""

_TIER_PREFIX = "tier."
_MILESTONE_PREFIX = "milestone."
_SUFFIX = "_ms"
_TIER_RESOLUTION_MS = 0.1
"""Resolution of many servers that report tier times."""
_TAIL_PREFIX = "p95."
_TAGGED = re.compile(r"([^{}]+)\{([^{}]*)\}")


def tier_key(name: str) -> str:
    """Return the key of a tier's metric: `backend` → `tier.backend_ms`."""
    return f"{_TIER_PREFIX}{name}{_SUFFIX}"


def tier_name(key: str) -> str | None:
    """Return the tier of a tier's metric: `tier.backend_ms` → `backend`; else `None`."""
    return _name_between(_TIER_PREFIX, key)


def milestone_key(name: str) -> str:
    """Return the key of a milestone's metric: `first_document` → `milestone.first_document_ms`."""
    return f"{_MILESTONE_PREFIX}{name}{_SUFFIX}"


def milestone_name(key: str) -> str | None:
    """Return the milestone of a metric: `milestone.first_document_ms` → `first_document`; else `None`."""
    return _name_between(_MILESTONE_PREFIX, key)


def is_request_metric(key: str) -> bool:
    """Return whether a metric is one of `METRICS` or the time to a milestone."""
    return key in METRICS or milestone_name(key) is not None


def request_metrics(keys: Iterable[str]) -> list[str]:
    """Return those of some keys that are request metrics, in the order of reports: milestones last."""
    present = [*keys]
    return [*filter(present.__contains__, METRICS), *filter(milestone_name, present)]


def tail_key(key: str) -> str:
    """Return the key of a metric's 95th percentile: `e2e_ms` → `p95.e2e_ms`."""
    return f"{_TAIL_PREFIX}{key}"


@cache
def metric_of_tail(key: str) -> str | None:
    """Return the metric of a 95th percentile: `p95.e2e_ms` → `e2e_ms`; else `None`.

    Only trends that decide have one.
    """
    if not key.startswith(_TAIL_PREFIX):
        return None
    tail_of = key.removeprefix(_TAIL_PREFIX)
    row = metric(tail_of) if is_request_metric(tail_of) else None
    if row is None or row.kind is not MetricKind.TREND or row.part is not Part.DECIDES:
        return None
    return row.key


def split_tags(key: str) -> tuple[str, Mapping[str, str]]:
    """Return a metric and the tags of the steps that it covers: `e2e_ms{step:upload}`, as in k6.

    Raises:
        ValueError: The tags are not written as `{NAME:VALUE}`.
    """
    match = _TAGGED.fullmatch(key)
    if match is None:
        return key, {}
    tags: dict[str, str] = {}
    for pair in match[2].split(","):
        name, colon, value = pair.partition(":")
        if not colon or not name.strip() or not value.strip():
            raise ValueError(f"'{key}': write tags as {{step:NAME}} or {{TAG:VALUE}}")
        tags[name.strip()] = value.strip()
    return match[1], tags


def step_key(step: str) -> str:
    """Return the key of a step's response time: `upload` → `e2e_ms{step:upload}`."""
    return f"e2e_ms{{step:{step}}}"


def step_name(key: str) -> str | None:
    """Return the step of a step's response time: `e2e_ms{step:upload}` → `upload`; else `None`."""
    match = _TAGGED.fullmatch(key)
    if match is None or match[1] != "e2e_ms" or "," in match[2]:
        return None
    return match[2].removeprefix("step:") if match[2].startswith("step:") else None


def label_and_unit(key: str) -> tuple[str, str]:
    """Return label and unit of a metric that may have a threshold."""
    if key == RECOVERY:
        return "recovery", "times"
    return metric(key).label, metric(key).unit


def sentence_name(key: str) -> str:
    """Return the name of a metric within a sentence: its label, or the tier in backticks."""
    tier = tier_name(key)
    return f"`{tier}`" if tier else metric(key).label


@cache
def metric(key: str) -> Metric:
    """Return a metric by its key. Metrics of tiers and of 95th percentiles are made when they are asked for.

    Raises:
        KeyError: There is no such metric.
    """
    tier = tier_name(key)
    if tier is not None:
        return _unattributed_metric() if tier == UNATTRIBUTED else _tier_metric(tier)
    milestone = milestone_name(key)
    if milestone is not None:
        return _milestone_metric(milestone)
    tail_of = metric_of_tail(key)
    if tail_of is not None:
        return _tail_metric(metric(tail_of))
    base, tags = split_tags(key)
    if tags:
        return _tagged_metric(key, metric(base), tags)
    return cost_metric(key) or METRICS[key]


def _tagged_metric(key: str, row: Metric, tags: Mapping[str, str]) -> Metric:
    """Return a metric of some steps. Its values must be computed from the requests of these steps only."""
    return replace(
        row,
        key=key,
        label=f"{row.label} of {', '.join(tags.values())}",
        description=f"`{row.key}` of the steps with {', '.join(map(':'.join, tags.items()))}.",
        part=Part.STEPS if step_name(key) is not None else Part.INFORMS,
    )


def _tail_metric(row: Metric) -> Metric:
    return replace(
        row,
        key=tail_key(row.key),
        label=f"p95 {row.label}",
        description=f"95th percentile of `{row.key}`.",
        formula=f"p95({row.key})",
        part=Part.TAILS,
    )


def _name_between(prefix: str, key: str) -> str | None:
    if key.startswith(prefix) and key.endswith(_SUFFIX):
        return key.removeprefix(prefix).removesuffix(_SUFFIX)
    return None


def _milestone_metric(name: str) -> Metric:
    def times_ms(requests: RequestColumns) -> Floats:
        return requests.milestone_time(name)

    return Metric(
        key=milestone_key(name),
        label=f"time to {name.replace('_', ' ').replace('-', ' ')}",
        unit="ms",
        description="Time from the planned start to the first part of a streamed response that the target "
        "declares as this milestone.",
        formula=f"milestone_times[{name}]",
        values=time_to(times_ms),
        longer_than=waited_for(times_ms),
        part=Part.DECIDES,
    )


def _tier_metric(tier: str) -> Metric:
    return Metric(
        key=tier_key(tier),
        label=tier,
        unit="ms",
        description="Time that the tier itself spent, without the tiers below it.",
        formula=f"tier_times[{tier}]",
        values=_tier_time(tier),
        part=Part.LOCATES,
        adds_up=True,
        resolution=_TIER_RESOLUTION_MS,
    )


def _tier_time(tier: str) -> Callable[[RequestColumns], Floats]:
    return lambda requests: only_ok(requests, requests.tier_time(tier))


def _unattributed_metric() -> Metric:
    return Metric(
        key=tier_key(UNATTRIBUTED),
        label=UNATTRIBUTED,
        unit="ms",
        description="Service time that no tier reports: services without a report, and the way to them.",
        formula="max(0, service_ms - sum of tier_times)",
        values=_unattributed_time,
        part=Part.EXPLAINS,
        adds_up=True,
        resolution=_TIER_RESOLUTION_MS,
    )


def _unattributed_time(requests: RequestColumns) -> Floats:
    reported_ms = np.zeros(len(requests))
    unknown = np.ones(len(requests), dtype=bool)
    for tier in requests.tiers:  # one at a time: all tiers together would be the run's largest array
        times_ms = requests.tier_time(tier)
        unknown &= np.isnan(times_ms)
        reported_ms += np.nan_to_num(times_ms)
    service_ms = METRICS["service_ms"].values(requests)
    rest_ms = np.maximum(0.0, service_ms - reported_ms)
    return np.where(unknown, np.nan, rest_ms)
