"""The trials of a capacity search as CSV (RFC 4180), one row per trial, in the order of the search."""

import csv
import io
from collections.abc import Iterator

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.load_trial import LoadTrial
from bench.core.samples.metrics import tier_key
from bench.core.values.escape import escape_csv

_FIELDS = (
    "load", "verdict", "start_s", "warm_up_s", "duration_s", "drain_s", "throughput_rps", "goodput_rps",
    "success_ratio", "mean_ms", "p50_ms", "p95_ms",
)  # fmt: skip
"""The fields of `LoadTrial` that are one value."""


def render_trials(capacity: CapacityResult) -> Iterator[str]:
    """Yield the table: fields of a trial, requests and misses of each objective, then mean times of tiers.

    Times and rates have their unit in the name of the column; an unknown value is an empty cell.
    """
    tiers = sorted({tier for trial in capacity.trials for tier in trial.tier_ms})
    head = [*_FIELDS]
    for objective in capacity.objectives:
        head += [f"requests: {objective}", f"missed: {objective}"]
    head += map(tier_key, tiers)
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(map(escape_csv, ("unit", *head)))
    for trial in capacity.trials:
        writer.writerow([capacity.unit, *_list_cells(capacity, trial, tiers)])
    yield buffer.getvalue()


def _list_cells(capacity: CapacityResult, trial: LoadTrial, tiers: list[str]) -> Iterator[object]:
    for field in _FIELDS:
        value = getattr(trial, field)
        yield f"{value:.10g}" if isinstance(value, float) else value
    counts = {row.objective: row for row in trial.counts}
    for objective in capacity.objectives:
        row = counts.get(objective)
        yield None if row is None else row.requests
        yield None if row is None else row.missed
    for tier in tiers:
        yield trial.tier_ms.get(tier)
