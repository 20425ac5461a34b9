"""Loads, intervals and verdicts of a capacity search, as people read them."""

import re
from typing import NamedTuple

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.load_trial import (
    LoadTrial,
    LoadUnit,
    ObjectiveCounts,
    SafeLoad,
    SearchEnd,
    TrialVerdict,
)
from bench.core.capacity.zones import CapacityZones, YellowReason
from bench.core.values import wording

_COSTS: dict[YellowReason, str] = {
    "response time": "response time grows faster than throughput",
    "no gain": "more load only adds waiting",
}
_SINGULAR = {"users": "user", "requests/s": "request/s"}


class ZoneWords(NamedTuple):
    """A zone of loads in words."""

    name: str
    """`met`, `limit` (the safe load is one of these loads), `breaks`, or `not measured`."""
    start: float
    """Lower end."""
    end: float | None
    """Upper end; None without one."""
    text: str
    """Its loads, and what happens there."""


def describe_load(load: float, unit: LoadUnit) -> str:
    """Write a load with its unit: `1 user`, `17 users`, `2.5 requests/s`."""
    return f"{wording.value(load, '1')} {_SINGULAR[unit] if load == 1 else unit}"


def describe_safe_load(safe: SafeLoad, unit: LoadUnit) -> str:
    """Write a safe load with its interval: `17 users (15 to 19, 90 % certain)`."""
    certainty = wording.confidence(safe.confidence)
    if safe.low == safe.high:
        return f"{describe_load(safe.load, unit)} ({certainty} certain)"
    return f"{describe_load(safe.load, unit)} ({describe_range(safe)}, {certainty} certain)"


def describe_short_load(capacity: CapacityResult) -> str:
    """Write the safe load of a search for a small mark: `17 users (15 to 19)`; empty if it is unknown."""
    safe = capacity.safe_load
    if safe is None:
        return "no safe load" if capacity.ended is SearchEnd.NONE_MET else ""
    if safe.high is None:
        return f"≥ {describe_load(safe.low, capacity.unit)}"
    interval = "" if safe.low == safe.high else f" ({describe_range(safe)})"
    return f"{describe_load(safe.load, capacity.unit)}{interval}"


def describe_range(safe: SafeLoad) -> str:
    """Write the interval of a safe load without its unit: `15 to 19`, `at least 15`."""
    low = wording.value(safe.low, "1")
    if safe.high is None:
        return f"at least {low}"
    return f"{low} to {wording.value(safe.high, '1')}"


def describe_zones(zones: CapacityZones, unit: LoadUnit) -> tuple[ZoneWords, ...]:
    """Return the zones with a load, from the lowest load on, by what is known of the objectives."""
    words = []
    certain_to = zones.certain_to
    start = 0.0
    if certain_to is not None:
        start = certain_to
        words.append(ZoneWords("met", 0.0, certain_to, _describe_met(zones, certain_to, unit)))
    if zones.red_from is None or zones.red_from > _next_load(start, unit):
        name = "not measured" if zones.red_from is None else "limit"
        words.append(ZoneWords(name, start, zones.red_from, _describe_limit(zones, unit)))
    if zones.red_from is not None:
        text = f"proven from {describe_load(zones.red_from, unit)} on"
        words.append(ZoneWords("breaks", zones.red_from, None, text))
    return tuple(words)


def _next_load(load: float, unit: LoadUnit) -> float:
    """Return the smallest load above a load: a user more, or in an open loop the load itself."""
    return load + 1.0 if unit == "users" else load


def _last_load(end: float, unit: LoadUnit) -> float:
    """Return the largest load below the end of a zone: a user less, or in an open loop the end itself."""
    return end - 1.0 if unit == "users" else end


def _describe_met(zones: CapacityZones, certain_to: float, unit: LoadUnit) -> str:
    """Return the loads that certainly meet the objectives, and from where on more load costs much."""
    text = f"proven up to {describe_load(certain_to, unit)}"
    if zones.yellow_because == "interval":
        return text
    cost = _COSTS[zones.yellow_because]
    if zones.green_to is None:
        return f"{text}, but {cost}"
    return f"{text}; above {describe_load(zones.green_to, unit)}, {cost}"


def _describe_limit(zones: CapacityZones, unit: LoadUnit) -> str:
    """Return the loads of which one is the safe load."""
    if zones.red_from is None:
        return "all loads" if zones.certain_to is None else f"above {describe_load(zones.certain_to, unit)}"
    if zones.certain_to is None:
        return f"the safe load is below {describe_load(zones.red_from, unit)}"
    low = wording.value(zones.certain_to, "1")
    high = _last_load(zones.red_from, unit)
    return f"the safe load is within {low} to {describe_load(high, unit)}"


def describe_missed(counts: ObjectiveCounts) -> str:
    """Write the share of the requests that missed an objective: `5.9 % of 410`."""
    return wording.short_share(counts.missed_ratio, counts.requests)


def shorten_objective(objective: str) -> str:
    """Return an objective for a headline: `p95 response time ≤ 10 s` → `p95 ≤ 10 s`."""
    return re.sub(r"^(p[\d.]+) response time ", r"\1 ", objective)


def name_objective(counts: ObjectiveCounts) -> str:
    """Return an objective without its limit: `p95`, `success`."""
    return re.split(" [≤≥<>=]", shorten_objective(counts.objective))[0]


def find_decisive(trial: LoadTrial) -> ObjectiveCounts | None:
    """Return the objective that is nearest to being broken, or furthest beyond; None without objectives."""
    return max(trial.counts, key=_excess, default=None)


def percentile_name(counts: ObjectiveCounts) -> str:
    """Return the percentile that an objective limits: `p95` if 5 % of the requests may miss it."""
    return f"p{100 * (1.0 - counts.allowed_ratio):.4g}"


def verdict_word(trial: LoadTrial) -> str:
    """Return the verdict on a load in a table: `met`, `broken`, or what is more likely."""
    if trial.verdict is not TrialVerdict.OPEN:
        return trial.verdict.value
    decisive = find_decisive(trial)
    if decisive is None or not decisive.requests:
        return "cannot tell"
    return "likely broken" if _excess(decisive) > 0 else "likely met"


def _excess(counts: ObjectiveCounts) -> float:
    """Return by how much the share that missed the objective exceeds the share that may."""
    return counts.missed_ratio - counts.allowed_ratio
