"""Gives tier times to the requests of a run: those of their traces, and the remainder."""

from collections.abc import Collection, Mapping

import numpy as np

from bench.core.config.target import Target
from bench.core.samples.arrays import Floats
from bench.core.samples.metrics import UNATTRIBUTED, metric, tier_key
from bench.core.samples.samples import Samples
from bench.core.tiers.request_trace import RequestTrace
from bench.core.tiers.trace_ids import RequestKey

_KEY_COLUMNS = ("phase", "vu", "iteration", "arm")


def remainder_tier(target: Target, services: Collection[str]) -> str | None:
    """Return the tier that gets the time that no other tier reports; `None` if it stays unattributed.

    Args:
        target: The asked interface.
        services: All services that are known; if there is only the asked one, the time is its own.
    """
    for form in target.forms:
        if form.durations is not None and form.durations.remainder is not None:
            return form.durations.remainder
    return target.service if not {*services} - {target.service} else None


def add_remainder(samples: Samples, tier: str | None) -> Samples:
    """Add the service time that no tier reports to a tier, in each request in which another tier reports."""
    if tier is None or not samples.tiers:
        return samples
    unattributed_ms = metric(tier_key(UNATTRIBUTED)).values(samples)
    own_ms = samples.tier_time(tier)
    return samples.with_tier_times({tier: unattributed_ms + np.nan_to_num(own_ms)})


def request_keys(samples: Samples) -> list[RequestKey]:
    """Return the key of each request."""
    columns = [samples.column(name).tolist() for name in _KEY_COLUMNS]
    return [*map(RequestKey, *columns)]


def add_traces(samples: Samples, traces: Mapping[RequestKey, RequestTrace]) -> Samples:
    """Replace all tier times by those of the requests' traces."""
    times: dict[str, Floats] = {}
    for number, key in enumerate(request_keys(samples)):
        trace = traces.get(key)
        for tier, time_ms in trace.tier_times.items() if trace else ():
            if tier not in times:
                times[tier] = np.full(len(samples), np.nan)
            times[tier][number] = time_ms
    # A service that a traced request did not need has worked for it during no time.
    is_traced = ~np.all(np.isnan([*times.values()]), axis=0) if times else np.zeros(0, dtype=bool)
    for times_ms in times.values():
        times_ms[is_traced & np.isnan(times_ms)] = 0.0
    return samples.with_tier_times(times, alone=True)


def sum_calls(samples: Samples, traces: Mapping[RequestKey, RequestTrace]) -> dict[str, float]:
    """Return the number of calls by counter; empty if a request has no trace, since its calls are unknown."""
    sums: dict[str, float] = {}
    for key in request_keys(samples):
        trace = traces.get(key)
        if trace is None:
            return {}
        for call, count in trace.calls.items():
            sums[call] = sums.get(call, 0.0) + count
    return sums
