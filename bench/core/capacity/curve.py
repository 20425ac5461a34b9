"""The curve of throughput and response time over the load, and the models that explain it."""

from collections.abc import Sequence
from typing import NamedTuple

from bench.core.capacity.curve_point import CurvePoint, join_trials
from bench.core.capacity.load_trial import LoadTrial, LoadUnit
from bench.core.capacity.model_fit import FEWEST_LOADS, MODEL_ERROR, MeasuredLoads, estimate_think_s
from bench.core.capacity.queue_fit import QueueEstimate, QueueFit, describe_queue, estimate_queue
from bench.core.capacity.usl import UslFit, fit_usl
from bench.core.values import wording
from bench.core.values.record import NotNegative, Record


class CapacityCurve(Record):
    """The curve of a capacity search, to draw and to predict from."""

    unit: LoadUnit
    """Unit of the loads."""
    confidence: NotNegative
    """Probability that an interval contains its true value."""
    think_ms: NotNegative
    """Mean time between an answer and the next request of a user; 0 in an open loop."""
    points: tuple[CurvePoint, ...]
    """The measured loads, ascending."""
    usl: UslFit | None = None
    """The Universal Scalability Law; null with too few loads."""
    queue: QueueFit | None = None
    """The queue M/G/c; null with too few loads."""

    @property
    def best(self) -> UslFit | QueueFit | None:
        """The adequate model with the smaller error; `None` if neither explains the curve."""
        fits = [fit for fit in (self.queue, self.usl) if fit is not None and fit.adequate]
        return min(fits, key=lambda fit: fit.model_error, default=None)

    def describe_fits(self) -> str:
        """Return in words which model explains the curve, or why none does."""
        if self.usl is None or self.queue is None:
            complete = sum(point.is_complete for point in self.points)
            return (
                f"A model needs {FEWEST_LOADS} different loads at which nearly all requests succeed, "
                f"but the search has {complete}."
            )
        texts: list[str] = []
        for name, fit in (("the queue M/G/c", self.queue), ("the Universal Scalability Law", self.usl)):
            verdict = "explains" if fit.adequate else "does not explain"
            texts.append(f"{name} {verdict} the response times (error {wording.percent(fit.model_error)})")
        sentence = wording.listing(texts)
        limit = wording.percent(MODEL_ERROR)
        return f"{sentence[0].upper()}{sentence[1:]}; a model is adequate up to {limit}."


class FittedCurve(NamedTuple):
    """A curve with everything that predictions need."""

    curve: CapacityCurve
    """The curve, as results store it."""
    loads: MeasuredLoads
    """The loads that the models were fitted to."""
    estimate: QueueEstimate | None
    """The queues that the loads do not rule out; `None` with too few loads."""


def fit_curve(
    trials: Sequence[LoadTrial], unit: LoadUnit, think_s: float | None = None, confidence: float = 0.9
) -> FittedCurve | None:
    """Return the curve of a search, with the models that explain it.

    Args:
        trials: The trials of a search, in any order.
        unit: Unit of their loads.
        think_s: Mean think time of a user; `None` to estimate it by Little's law.
        confidence: Probability that an interval contains its true value.

    Returns:
        None without a trial that has requests.
    """
    points = join_trials(trials, confidence)
    if not points:
        return None
    if think_s is None or unit == "requests/s":
        think_s = estimate_think_s(unit, points)
    loads = MeasuredLoads(unit, think_s, points, confidence)
    estimate = estimate_queue(loads, trials)
    curve = CapacityCurve(
        unit=unit,
        confidence=confidence,
        think_ms=loads.think_s * 1000.0,
        points=loads.points,
        usl=fit_usl(loads),
        queue=None if estimate is None else describe_queue(loads, estimate),
    )
    return FittedCurve(curve, loads, estimate)
