"""Loads, intervals and verdicts of a capacity search, as people read them."""

import re

from bench.core.capacity.load_trial import LoadTrial, LoadUnit, ObjectiveCounts, SafeLoad, TrialVerdict
from bench.core.values import wording

_SINGULAR = {"users": "user", "requests/s": "request/s"}


def describe_load(load: float, unit: LoadUnit) -> str:
    """Write a load with its unit: `1 user`, `17 users`, `2.5 requests/s`."""
    return f"{wording.value(load, '1')} {_SINGULAR[unit] if load == 1 else unit}"


def describe_safe_load(safe: SafeLoad, unit: LoadUnit) -> str:
    """Write a safe load with its interval: `17 users (90 % 15 to 19)`."""
    certainty = wording.confidence(safe.confidence)
    if safe.low == safe.high:
        return f"{describe_load(safe.load, unit)} ({certainty} certain)"
    return f"{describe_load(safe.load, unit)} ({certainty} {describe_range(safe)})"


def describe_range(safe: SafeLoad) -> str:
    """Write the interval of a safe load without its unit: `15 to 19`, `at least 15`."""
    low = wording.value(safe.low, "1")
    if safe.high is None:
        return f"at least {low}"
    return f"{low} to {wording.value(safe.high, '1')}"


def describe_missed(counts: ObjectiveCounts) -> str:
    """Write the share of the requests that missed an objective: `5.9 % of 410`."""
    return wording.short_share(counts.missed_ratio, counts.requests)


def shorten_objective(objective: str) -> str:
    """Return an objective for a headline: `p95 response time ≤ 10 s` → `p95 ≤ 10 s`."""
    return objective.replace("p95 response time ", "p95 ")


def name_objective(counts: ObjectiveCounts) -> str:
    """Return an objective without its limit: `p95`, `success`."""
    return re.split(" [≤≥<>=]", shorten_objective(counts.objective))[0]


def find_decisive(trial: LoadTrial) -> ObjectiveCounts | None:
    """Return the objective that is nearest to being broken, or furthest beyond; None without objectives."""
    return max(trial.counts, key=_excess, default=None)


def is_broken(counts: ObjectiveCounts) -> bool:
    """Return whether more requests missed the objective than may."""
    return counts.missed_ratio > counts.allowed_ratio


def verdict_word(verdict: TrialVerdict) -> str:
    """Return the verdict on a load in a table: `met`, `broken` or `cannot tell`."""
    return "cannot tell" if verdict is TrialVerdict.OPEN else verdict.value


def _excess(counts: ObjectiveCounts) -> float:
    """Return by how much the share that missed the objective exceeds the share that may."""
    return counts.missed_ratio - counts.allowed_ratio
