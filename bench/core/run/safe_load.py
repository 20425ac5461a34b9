"""The safe load of a run, as comparisons, baselines and histories have it.

A capacity search tries other loads in each run. Its response times, messages and resources are therefore not
compared; the safe load is the only compared value.
"""

from typing import NamedTuple

from bench.core.capacity.load_trial import LoadUnit, SearchEnd
from bench.core.config.capacity_search import CapacitySearch
from bench.core.run.costs import costs_of
from bench.core.run.figures import ALL, figures_of
from bench.core.run.result import RunResult
from bench.core.samples.cost_metrics import SAFE_LOAD, SAFE_RATE
from bench.core.values.record import NotNegative, Record


class LoadInterval(Record):
    """The interval of a safe load."""

    low: NotNegative | None
    """Lower end; null if even the smallest tried load breaks an objective: the safe load is below it."""
    high: NotNegative | None
    """Upper end; null if no tried load breaks an objective: the safe load is at least the largest one."""
    confidence: NotNegative
    """Probability that the interval contains the safe load."""


class ComparedLoad(NamedTuple):
    """A safe load with its interval."""

    key: str
    """Key of its metric, which depends on the unit."""
    load: float
    """Best estimate; without a lower end the smallest tried load, which the safe load is below."""
    interval: LoadInterval
    """Its interval."""


def safe_load_key(unit: LoadUnit) -> str:
    """Return the key of the safe load in a unit."""
    return SAFE_LOAD if unit == "users" else SAFE_RATE


def compared_load(result: RunResult) -> ComparedLoad | None:
    """Return the safe load of a run; None without a capacity search, or if it ended without an answer."""
    capacity = result.capacity
    if capacity is None or capacity.ended is SearchEnd.INTERRUPTED:
        return None
    key = safe_load_key(capacity.unit)
    safe = capacity.safe_load
    if safe is not None:
        interval = LoadInterval(low=safe.low, high=safe.high, confidence=safe.confidence)
        return ComparedLoad(key, safe.load, interval)
    if capacity.ended is not SearchEnd.NONE_MET or not capacity.trials:
        return None
    smallest = min([trial.load for trial in capacity.trials])
    search = result.scenario.capacity or CapacitySearch()
    return ComparedLoad(key, smallest, LoadInterval(low=None, high=smallest, confidence=search.confidence))


def compared_figures(result: RunResult) -> dict[str, dict[str, float]]:
    """Return the compared values of a run by metric and prompt; of a capacity search only the safe load."""
    if result.capacity is None:
        return figures_of(result.summary)
    safe = compared_load(result)
    return {} if safe is None else {safe.key: {ALL: safe.load}}


def compared_costs(result: RunResult) -> dict[str, dict[str, float]]:
    """Return the costs of a run by metric; empty for a capacity search, whose load differs in each run."""
    return {} if result.capacity is not None else costs_of(result.summary)
