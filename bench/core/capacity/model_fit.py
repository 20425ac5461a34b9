"""The fit of a model to the measured loads: what it predicts, its residuals, and whether it is adequate."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from bench.core.capacity.curve_point import CurvePoint, FitResidual, LinePoint, relative_error
from bench.core.capacity.load_trial import LoadUnit
from bench.core.values.units import FloatArray

# A model is adequate if its response times are wrong by at most this share, apart from measurement noise.
MODEL_ERROR = 0.1
# Fewest loads for a fit: a model has up to three parameters.
FEWEST_LOADS = 4
# An open loop has a backlog if more than this share of its requests was not answered in time.
BACKLOG_RATIO = 0.05
_CHANCE_ERRORS = 3.0
ADEQUATE_ALPHA = 0.05
"""p value of the test whether a model is adequate."""
_LINE_POINTS = 40
# Logarithm of the factor by which a response time without end counts as wrong.
_ENDLESS = 7.0
_TINY = 1e-9
_MOST_STEPS = 50
_FIRST_DAMPING = 1e-3
_DAMPING_STEP = 10.0
_MOST_DAMPING = 1e6
_LEAST_DECREASE = 1e-5
_DERIVATIVE_STEP = 1e-6


class PredictedState(NamedTuple):
    """What a model predicts for a constant load."""

    throughput_rps: float
    """Successful requests per second."""
    mean_s: float | None
    """Mean response time; `None` if it grows without end."""
    p95_s: float | None = None
    """95th percentile; `None` if the model has none, or if it grows without end."""


Model = Callable[[float], PredictedState]
"""The prediction for a load."""


class MeasuredLoads(NamedTuple):
    """The loads that models are fitted to."""

    unit: LoadUnit
    """Unit of the loads."""
    think_s: float
    """Mean time between an answer and the next request of a user; 0 in an open loop."""
    points: tuple[CurvePoint, ...]
    """The measured loads, ascending."""
    confidence: float
    """Probability that an interval contains its true value."""

    @property
    def used(self) -> tuple[CurvePoint, ...]:
        """The loads whose requests succeeded."""
        return tuple(point for point in self.points if point.is_complete)

    def is_backlogged(self, point: CurvePoint) -> bool:
        """Whether requests of an open loop arrive faster than they are answered, so the queue grows."""
        if self.unit == "users":
            return False
        unanswered = point.requests - point.throughput_rps.value * point.duration_s
        mean_s = 0.0 if point.mean_ms is None else point.mean_ms.value / 1000.0
        by_chance = _CHANCE_ERRORS * math.sqrt(1.0 + point.throughput_rps.value * mean_s)
        return unanswered > max(BACKLOG_RATIO * point.requests, by_chance)

    def errors(self) -> FloatArray:
        """Return the relative standard errors of the used loads."""
        errors: list[float] = []
        for point in self.used:
            measured = point.throughput_rps if self.is_backlogged(point) else point.mean_ms
            if measured is not None:
                errors.append(relative_error(measured, self.confidence))
        return np.array(errors)

    def differences(self, predicted_s: Iterable[float], most_rps: float) -> FloatArray:
        """Return the logarithm of measured by predicted values of the used loads.

        The value is the mean response time, because throughput follows from it (Little's law); with a
        backlog it is the throughput, which is then the largest possible one.

        Args:
            predicted_s: The mean response time of each used load; infinity if it grows without end.
            most_rps: The largest throughput of the model.
        """
        differences: list[float] = []
        for point, mean_s in zip(self.used, predicted_s, strict=True):
            if self.is_backlogged(point):
                differences.append(_log_ratio(point.throughput_rps.value, most_rps))
            elif mean_s == math.inf or point.mean_ms is None:
                differences.append(_ENDLESS + _log_ratio(point.load, most_rps))
            else:
                differences.append(_log_ratio(point.mean_ms.value, mean_s * 1000.0))
        return np.array(differences)


class LeastSquares(NamedTuple):
    """The parameters with the smallest sum of squares."""

    values: FloatArray
    """The parameters."""
    squares: float
    """The sum of squares."""
    covariance: FloatArray
    """Covariance of the parameters if the differences have a variance of 1."""


def minimise(
    differences: Callable[[FloatArray], FloatArray],
    start: Sequence[float],
    bounds: tuple[Sequence[float], Sequence[float]],
) -> LeastSquares:
    """Return the parameters within bounds with the smallest sum of squared differences.

    The algorithm is that of Marquardt (1963); a parameter stays at a bound that it would cross. For two or
    three parameters, it takes a third of the time of the general one of scipy.
    """
    lowest = np.array(bounds[0])
    highest = np.array(bounds[1])
    values = np.clip(start, lowest, highest)
    current = differences(values)
    jacobian = _differentiate(differences, values, current, highest)
    damping = _FIRST_DAMPING
    for _ in range(_MOST_STEPS):
        gradient = jacobian.T @ current
        is_free = np.where(gradient > 0.0, values > lowest, values < highest)
        changed = np.clip(values + _find_step(jacobian, gradient, is_free, damping), lowest, highest)
        tried = differences(changed)
        decrease = 1.0 - float(tried @ tried) / max(float(current @ current), _TINY)
        if decrease > 0.0:
            values = changed
            current = tried
            jacobian = _differentiate(differences, values, current, highest)
        damping *= 1.0 / _DAMPING_STEP if decrease > 0.0 else _DAMPING_STEP
        if 0.0 < decrease < _LEAST_DECREASE or damping > _MOST_DAMPING:
            break
    covariance = np.linalg.pinv(jacobian.T @ jacobian)
    return LeastSquares(values, float(current @ current), np.asarray(covariance, dtype=np.float64))


def _differentiate(
    differences: Callable[[FloatArray], FloatArray],
    values: FloatArray,
    current: FloatArray,
    highest: FloatArray,
) -> FloatArray:
    """Return the derivatives of the differences, a column for each parameter."""
    columns: list[FloatArray] = []
    for number, value in enumerate(values):
        step = _DERIVATIVE_STEP * max(1.0, abs(value))
        if value + step > highest[number]:
            step = -step
        changed = values.copy()
        changed[number] += step
        columns.append((differences(changed) - current) / step)
    return np.column_stack(columns)


def _find_step(jacobian: FloatArray, gradient: FloatArray, is_free: FloatArray, damping: float) -> FloatArray:
    """Return the change of the parameters; 0 for those at a bound."""
    curvature = jacobian.T @ jacobian
    damped = curvature + np.diag(damping * np.diag(curvature) + _TINY)
    step = np.zeros(len(gradient))
    free = np.flatnonzero(is_free)
    step[free] = -np.linalg.solve(damped[np.ix_(free, free)], gradient[free])
    return step


def estimate_think_s(unit: LoadUnit, points: Sequence[CurvePoint]) -> float:
    """Return the mean think time by Little's law: users divided by throughput, minus the response time."""
    if unit == "requests/s":
        return 0.0
    think_s: list[float] = []
    for point in points:
        if point.is_complete and point.mean_ms is not None and point.throughput_rps.value > 0.0:
            think_s.append(point.load / point.throughput_rps.value - point.mean_ms.value / 1000.0)
    return max(0.0, float(np.median(think_s))) if think_s else 0.0


def is_adequate(differences: FloatArray, errors: FloatArray, parameters: int) -> bool:
    """Return whether the differences are compatible with a model error of at most `MODEL_ERROR`.

    A chi-squared test: a model is not refused for differences that chance explains.

    Args:
        differences: Logarithm of measured by predicted values.
        errors: Relative standard errors of the measured values.
        parameters: Number of fitted parameters.
    """
    from scipy import special  # noqa: PLC0415 - takes long to import, and few commands fit

    squares = float(np.sum(differences**2 / (errors**2 + MODEL_ERROR**2)))
    df = max(1, len(differences) - parameters)
    return float(special.chdtrc(df, squares)) >= ADEQUATE_ALPHA


def model_error(differences: FloatArray, errors: FloatArray) -> float:
    """Return the error of a model beyond the noise of the measurement, as a share."""
    return math.sqrt(max(0.0, float(np.mean(differences**2 - errors**2))))


def draw_line(points: Sequence[CurvePoint], model: Model) -> tuple[LinePoint, ...]:
    """Return the line of a model over the measured loads."""
    line: list[LinePoint] = []
    for load in np.linspace(points[0].load, points[-1].load, _LINE_POINTS):
        state = model(float(load))
        line.append(
            LinePoint(
                load=float(load),
                throughput_rps=state.throughput_rps,
                mean_ms=_in_ms(state.mean_s),
                p95_ms=_in_ms(state.p95_s),
            )
        )
    return tuple(line)


def list_residuals(loads: MeasuredLoads, model: Model) -> tuple[FitResidual, ...]:
    """Return the residuals of all measured loads, also of those that the fit did not use."""
    residuals: list[FitResidual] = []
    for point in loads.points:
        state = model(point.load)
        mean_ms = None if point.mean_ms is None else point.mean_ms.value
        residuals.append(
            FitResidual(
                load=point.load,
                mean=_relative(mean_ms, _in_ms(state.mean_s)),
                throughput=_relative(point.throughput_rps.value, state.throughput_rps),
                p95=_relative(point.p95_ms, _in_ms(state.p95_s)),
                used=point.is_complete,
            )
        )
    return tuple(residuals)


def _log_ratio(measured: float, predicted: float) -> float:
    return math.log(max(measured, _TINY)) - math.log(min(max(predicted, _TINY), 1.0 / _TINY))


def _in_ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000.0


def _relative(measured: float | None, predicted: float | None) -> float | None:
    if measured is None or predicted is None or predicted <= 0.0:
        return None
    return measured / predicted - 1.0
