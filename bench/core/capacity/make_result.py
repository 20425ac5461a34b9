"""Make the answer of a capacity search from its trials."""

import math
from collections.abc import Sequence

import numpy as np

from bench.core.capacity.breaking_tier import find_breaking_tier
from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.curve import CapacityCurve, fit_curve
from bench.core.capacity.curve_point import CurvePoint
from bench.core.capacity.load_objective import OBJECTIVE_RATIO, LoadObjective
from bench.core.capacity.load_trial import LoadTrial, LoadUnit, SafeLoad, SearchEnd, TrialVerdict
from bench.core.capacity.no_gain import find_no_gain
from bench.core.capacity.prediction import Prediction, predict
from bench.core.capacity.zones import find_zones

PREDICTED_FACTOR = 2.0
"""The load whose needs are predicted, as a multiple of the safe load."""
_RESPONSE_TIME = "e2e_ms"
CONFIDENCE = 0.9
"""Confidence of the intervals of the curve if the search has no answer."""


def make_capacity_result(
    trials: Sequence[LoadTrial],
    safe: SafeLoad | None,
    ended: SearchEnd,
    objectives: Sequence[LoadObjective],
    phase: tuple[LoadUnit, float],
) -> CapacityResult:
    """Return the answer of a search.

    Args:
        trials: The trials, in their order.
        safe: The safe load; `None` without one.
        ended: Why the search ended.
        objectives: The objectives.
        phase: Unit of the loads, and the mean think time in seconds.
    """
    unit, think_s = phase
    confidence = CONFIDENCE if safe is None else safe.confidence
    curve = fit_curve(trials, unit, think_s or None, confidence)
    points = () if curve is None else curve.points
    no_gain_from = find_no_gain(points)
    return CapacityResult(
        unit=unit,
        objectives=tuple(objective.words for objective in objectives),
        safe_load=safe,
        ended=ended,
        trials=tuple(trials),
        breaks_at=find_breaking_tier(_decide(trials, safe)),
        throughput_rps=None if safe is None else _find_throughput(points, safe.load),
        no_gain_from=no_gain_from,
        curve=curve,
        zones=find_zones(safe, curve, no_gain_from),
        predictions=_predict(trials, safe, curve, objectives),
    )


def _predict(
    trials: Sequence[LoadTrial],
    safe: SafeLoad | None,
    curve: CapacityCurve | None,
    objectives: Sequence[LoadObjective],
) -> tuple[Prediction, ...]:
    """Return what a multiple of the safe load needs; empty without a broken load or a limit of the p95."""
    limits_ms = [row.limits_ms[_RESPONSE_TIME] for row in objectives if _limits_response_time(row)]
    if safe is None or safe.high is None or curve is None or not limits_ms:
        return ()
    return (predict(curve, trials, PREDICTED_FACTOR * safe.load, min(limits_ms)),)


def _limits_response_time(objective: LoadObjective) -> bool:
    is_p95 = math.isclose(objective.allowed_ratio, OBJECTIVE_RATIO)
    return is_p95 and objective.limits_ms.keys() == {_RESPONSE_TIME}


def _decide(trials: Sequence[LoadTrial], safe: SafeLoad | None) -> list[LoadTrial]:
    """Return the trials with the verdicts that the safe load gives those which could not tell."""
    decided: list[LoadTrial] = []
    for trial in trials:
        verdict = trial.verdict
        if safe is not None and verdict is TrialVerdict.OPEN:
            verdict = TrialVerdict.MET if trial.load <= safe.load else TrialVerdict.BROKEN
        decided.append(trial.model_copy(update={"verdict": verdict}))
    return decided


def _find_throughput(points: Sequence[CurvePoint], load: float) -> float | None:
    """Return the throughput at a load, between those of the tried loads around it."""
    if not points:
        return None
    loads = [point.load for point in points]
    return float(np.interp(load, loads, [point.throughput_rps.value for point in points]))
