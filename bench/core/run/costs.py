"""Values of a run that are no latency: throughput, tokens, overhead, work, and resources of services."""

from bench.core.run.figures import ALL
from bench.core.run.summary import RunSummary
from bench.core.samples.cost_metrics import (
    AVAILABILITY,
    LOST_REQUESTS,
    RECOVERY_TIME,
    THROUGHPUT,
    TOKENS_PER_REQUEST,
    cpu_key,
    growth_key,
    memory_key,
    overhead_key,
    work_key,
)
from bench.core.samples.sample import HOST, is_generator
from bench.core.values.units import ms

_GROWTH_REQUESTS = 1000
"""Memory growth is that of this number of requests."""


def costs_of(summary: RunSummary) -> dict[str, dict[str, float]]:
    """Return the costs of a run by metric, with one value for all messages.

    The scale of a comparison has no negative values: memory that shrinks and an overhead below 0 count as 0.
    A stack that does not recover counts with the time that was watched, so that it is never the better one.
    The availability is left out, since the success is compared.
    """
    values = cost_values(summary)
    values.pop(AVAILABILITY, None)
    waits_s = [effect.waited_s for effect in summary.faults]
    if waits_s:
        values.setdefault(RECOVERY_TIME, ms(max(waits_s)))
    costs = {key: {ALL: max(0.0, value)} for key, value in values.items()}
    return dict(sorted(costs.items()))


def cost_values(summary: RunSummary) -> dict[str, float]:
    """Return the costs of a run by metric, as they were measured."""
    costs = _resource_costs(summary)
    if summary.requests_rps is not None:
        costs[THROUGHPUT] = summary.requests_rps
    tokens = summary.metrics.get("tokens")
    if tokens is not None:
        costs[TOKENS_PER_REQUEST] = tokens.mean
    for key, difference in summary.overheads.items():
        costs[overhead_key(key)] = difference.median
    for counter, per_message in summary.work.items():
        costs[work_key(counter)] = per_message
    return costs | _fault_costs(summary)


def _fault_costs(summary: RunSummary) -> dict[str, float]:
    """Return the lost requests, and the time to recover if the stack recovered from all faults."""
    costs: dict[str, float] = {}
    if summary.request_availability is not None:
        costs[AVAILABILITY] = summary.request_availability.ratio
    if summary.faults:
        costs[LOST_REQUESTS] = float(sum(effect.lost for effect in summary.faults))
    recoveries_s = [effect.recovery_s for effect in summary.faults if effect.recovery_s is not None]
    if recoveries_s and len(recoveries_s) == len(summary.faults):
        costs[RECOVERY_TIME] = ms(max(recoveries_s))
    return costs


def _resource_costs(summary: RunSummary) -> dict[str, float]:
    """Return the costs of each service. No version of a stack changes load generators and the machine."""
    costs: dict[str, float] = {}
    for source, use in summary.resources.items():
        if source == HOST or is_generator(source):
            continue
        if use.memory_bytes_max is not None:
            costs[memory_key(source)] = float(use.memory_bytes_max)
        if not summary.requests:
            continue
        if use.memory_growth_bps is not None:
            growth_bytes = use.memory_growth_bps * summary.elapsed_s
            costs[growth_key(source)] = growth_bytes / summary.requests * _GROWTH_REQUESTS
        busy_ms = use.cpu_pct_mean / 100 * summary.elapsed_s * 1000
        costs[cpu_key(source)] = busy_ms / summary.requests
    return costs
