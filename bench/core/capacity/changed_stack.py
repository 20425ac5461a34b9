"""Find out whether a stack changed during a search: then no single load is its safe load."""

from collections.abc import Sequence

from bench.core.capacity.load_trial import LoadTrial, LoadUnit, TrialVerdict
from bench.core.values import wording
from bench.core.values.duration import format_duration

CHANGED_FACTOR = 1.25
"""A load that met the objectives contradicts one that broke them if it is larger by this factor. Closer loads
differ by chance."""


def describe_change(trials: Sequence[LoadTrial], unit: LoadUnit) -> str | None:
    """Return which decided trials contradict each other; `None` without such trials."""
    met = [trial for trial in trials if trial.verdict is TrialVerdict.MET]
    broken = [trial for trial in trials if trial.verdict is TrialVerdict.BROKEN]
    largest = max(met, key=lambda trial: trial.load, default=None)
    smallest = min(broken, key=lambda trial: trial.load, default=None)
    if largest is None or smallest is None or largest.load < CHANGED_FACTOR * smallest.load:
        return None
    order = "after" if smallest.start_s > largest.start_s else "before"
    distance = format_duration(round(abs(smallest.start_s - largest.start_s)))
    broke = f"{wording.value(smallest.load, '1')} {unit} broke an objective"
    met_all = f"{wording.value(largest.load, '1')} met all of them"
    change = "the stack changed during the search, so its answer holds for no moment"
    return f"{broke} {distance} {order} {met_all}: {change}"
