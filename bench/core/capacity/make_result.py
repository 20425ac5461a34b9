"""Make the answer of a capacity search from its trials."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.core.capacity.breaking_tier import find_breaking_tier
from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.curve import fit_curve
from bench.core.capacity.curve_point import CurvePoint
from bench.core.capacity.load_objective import LoadObjective
from bench.core.capacity.load_trial import LoadTrial, LoadUnit, SafeLoad, SearchEnd
from bench.core.capacity.no_gain import find_no_gain
from bench.core.capacity.prediction import predict_all
from bench.core.capacity.settled_verdicts import guess_verdicts, settle_verdicts
from bench.core.capacity.zones import find_zones
from bench.core.config.capacity_search import CapacitySearch

CONFIDENCE = 0.9
"""Confidence of the intervals of the curve if the search has no answer."""


class CapacityTask(NamedTuple):
    """What a search was asked."""

    unit: LoadUnit
    """Unit of the loads."""
    think_s: float
    """Mean think time of a user in seconds."""
    objectives: Sequence[LoadObjective]
    """The objectives."""
    settings: CapacitySearch
    """The declared search."""


def make_capacity_result(
    trials: Sequence[LoadTrial], safe: SafeLoad | None, ended: SearchEnd, task: CapacityTask
) -> CapacityResult:
    """Return the answer of a search.

    Args:
        trials: The trials, in their order.
        safe: The safe load; `None` without one.
        ended: Why the search ended.
        task: What the search was asked.
    """
    trials = settle_verdicts(trials, safe)
    confidence = CONFIDENCE if safe is None else safe.confidence
    fitted = fit_curve(trials, task.unit, task.think_s or None, confidence)
    curve = None if fitted is None else fitted.curve
    points = () if curve is None else curve.points
    no_gain_from = find_no_gain(points)
    return CapacityResult(
        unit=task.unit,
        objectives=tuple(objective.words for objective in task.objectives),
        safe_load=safe,
        ended=ended,
        trials=tuple(trials),
        breaks_at=find_breaking_tier(guess_verdicts(trials, safe)),
        throughput_rps=None if safe is None else _find_throughput(points, safe.load),
        no_gain_from=no_gain_from,
        curve=curve,
        zones=find_zones(safe, curve, no_gain_from),
        predictions=predict_all(fitted, safe, task.settings, task.objectives),
    )


def _find_throughput(points: Sequence[CurvePoint], load: float) -> float | None:
    """Return the throughput at a load, between those of the tried loads around it."""
    if not points:
        return None
    loads = [point.load for point in points]
    return float(np.interp(load, loads, [point.throughput_rps.value for point in points]))
