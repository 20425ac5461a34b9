"""Throughput and the resources of each service in a run: values that `bench ab` compares."""

from bench.core.run.figures import ALL
from bench.core.run.summary import RunSummary
from bench.core.samples.cost_metrics import THROUGHPUT, cpu_key, memory_key
from bench.core.samples.sample import HOST, is_generator


def costs_of(summary: RunSummary) -> dict[str, dict[str, float]]:
    """Return throughput, memory and processor time per request, by metric, as `figures_of` returns latencies.

    Load generators and the machine are left out: no version of a stack changes them.
    """
    costs: dict[str, float] = {}
    if summary.requests_rps is not None:
        costs[THROUGHPUT] = summary.requests_rps
    for source, use in summary.resources.items():
        if source == HOST or is_generator(source):
            continue
        if use.memory_bytes_max is not None:
            costs[memory_key(source)] = float(use.memory_bytes_max)
        if summary.requests:
            busy_ms = use.cpu_pct_mean / 100 * summary.elapsed_s * 1000
            costs[cpu_key(source)] = busy_ms / summary.requests
    return {key: {ALL: value} for key, value in costs.items()}
