"""The Universal Scalability Law, fitted to a load curve (Gunther, 2007, "Guerrilla Capacity Planning")."""

import math
from typing import NamedTuple

import numpy as np

from bench.core.capacity.curve_point import FitResidual, FittedValue, LinePoint
from bench.core.capacity.load_trial import LoadUnit
from bench.core.capacity.model_fit import (
    FEWEST_LOADS,
    MeasuredLoads,
    PredictedState,
    draw_line,
    is_adequate,
    list_residuals,
    minimise,
    model_error,
)
from bench.core.values import stats
from bench.core.values.record import NotNegative, Record
from bench.core.values.units import FloatArray

# Contention and coherence at which the search for the best ones starts.
_STARTS = ((0.02, 0.0001), (0.3, 0.0001), (0.02, 0.01))
_DRAWS = 400
_SEED = 7
_SMALLEST = 1e-9
_HALVINGS = 40


class UslFit(Record):
    """The Universal Scalability Law: throughput is `a·n / (1 + b·(n - 1) + c·n·(n - 1))`.

    Here n is the number of requests in flight, so the law also holds for users with think time. The
    literature writes lambda, sigma and kappa for a, b and c.
    """

    throughput_of_one_rps: FittedValue
    """a: requests per second with one request in flight."""
    contention: FittedValue
    """b: share of the work that waits for its turn."""
    coherence: FittedValue
    """c: share of the work that grows with each pair of requests."""
    peak_load: FittedValue | None
    """Load with the largest throughput; null if coherence is 0, because throughput then never falls."""
    line: tuple[LinePoint, ...]
    """The fitted line."""
    residuals: tuple[FitResidual, ...]
    """Measured loads compared with the line, ascending."""
    model_error: NotNegative
    """Error of the response times beyond that of the measurement, as a share."""
    adequate: bool
    """Whether the law explains the measured loads."""


class UslCurve(NamedTuple):
    """The law with its three parameters."""

    rps_of_one: float
    """Throughput with one request in flight."""
    contention: float
    """Share of the work that waits for its turn."""
    coherence: float
    """Share of the work that grows with each pair of requests."""

    def response_s(self, in_flight: float) -> float:
        """Return the response time with a number of requests in flight, of which 1 is the smallest."""
        count = max(in_flight, 1.0)
        others = count - 1.0
        return (1.0 + self.contention * others + self.coherence * count * others) / self.rps_of_one

    def throughput_rps(self, in_flight: float) -> float:
        """Return the throughput with a number of requests in flight (Little's law)."""
        return in_flight / self.response_s(in_flight)

    def peak_in_flight(self) -> float:
        """Return the number of requests in flight with the largest throughput; infinity if it never falls."""
        if self.coherence <= _SMALLEST:
            return math.inf
        return max(1.0, math.sqrt(max(0.0, 1.0 - self.contention) / self.coherence))

    def most_rps(self) -> float:
        """Return the largest throughput; infinity if it grows without end."""
        peak = self.peak_in_flight()
        if peak < math.inf:
            return self.throughput_rps(peak)
        return self.rps_of_one / self.contention if self.contention > _SMALLEST else math.inf

    def with_users(self, users: float, think_s: float) -> PredictedState:
        """Return the state of a closed loop: users = requests in flight + throughput · think time."""
        low = 0.0
        high = users
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            if middle + think_s * self.throughput_rps(middle) < users:
                low = middle
            else:
                high = middle
        mean_s = self.response_s(high)
        return PredictedState(users / (mean_s + think_s), mean_s)

    def with_rate(self, rate_rps: float) -> PredictedState:
        """Return the state of an open loop: the smallest number in flight with the throughput of the load."""
        if rate_rps <= self.rps_of_one:
            return PredictedState(rate_rps, self.response_s(1.0))
        if rate_rps >= self.most_rps():
            return PredictedState(self.most_rps(), None)
        # rate·(1 + b·(n - 1) + c·n·(n - 1)) = a·n, a quadratic equation of n
        square = rate_rps * self.coherence
        linear = rate_rps * (self.contention - self.coherence) - self.rps_of_one
        constant = rate_rps * (1.0 - self.contention)
        root = math.sqrt(max(0.0, linear * linear - 4.0 * square * constant))
        in_flight = 2.0 * constant / (root - linear)
        return PredictedState(rate_rps, in_flight / rate_rps)

    def predict(self, load: float, unit: LoadUnit, think_s: float) -> PredictedState:
        """Return the state at a load."""
        return self.with_users(load, think_s) if unit == "users" else self.with_rate(load)


class _Estimate(NamedTuple):
    values: FloatArray
    """Logarithm of the throughput of one, contention, coherence."""
    covariance: FloatArray
    df: int


def fit_usl(loads: MeasuredLoads) -> UslFit | None:
    """Return the law that fits best, by weighted least squares of the logarithm of response times.

    Returns:
        None with fewer than `FEWEST_LOADS` loads.
    """
    if len(loads.used) < FEWEST_LOADS:
        return None
    errors = loads.errors()
    estimate = _minimise(loads, errors)
    curve = _curve(estimate.values)
    differences = _differences(loads, curve)
    half_widths = _half_widths(estimate, loads.confidence)
    rps_of_one = curve.rps_of_one
    factor = math.exp(min(50.0, half_widths[0]))

    def predict(load: float) -> PredictedState:
        return curve.predict(load, loads.unit, loads.think_s)

    return UslFit(
        throughput_of_one_rps=FittedValue(
            value=rps_of_one, low=rps_of_one / factor, high=rps_of_one * factor
        ),
        contention=_ratio(curve.contention, half_widths[1]),
        coherence=_ratio(curve.coherence, half_widths[2]),
        peak_load=_peak_load(loads, estimate),
        line=draw_line(loads.points, predict),
        residuals=list_residuals(loads, predict),
        model_error=model_error(differences, errors),
        adequate=is_adequate(differences, errors, len(estimate.values)),
    )


def _curve(values: FloatArray) -> UslCurve:
    return UslCurve(math.exp(values[0]), float(values[1]), float(values[2]))


def _ratio(value: float, half_width: float) -> FittedValue:
    return FittedValue(value=value, low=max(0.0, value - half_width), high=min(1.0, value + half_width))


def _differences(loads: MeasuredLoads, curve: UslCurve) -> FloatArray:
    predicted_s: list[float] = []
    for point in loads.used:
        mean_s = curve.predict(point.load, loads.unit, loads.think_s).mean_s
        predicted_s.append(math.inf if mean_s is None else mean_s)
    return loads.differences(predicted_s, curve.most_rps())


def _minimise(loads: MeasuredLoads, errors: FloatArray) -> _Estimate:
    def weighted(values: FloatArray) -> FloatArray:
        return _differences(loads, _curve(values)) / errors

    fastest_ms = min(point.mean_ms.value for point in loads.used if point.mean_ms is not None)
    first = math.log(1000.0 / max(fastest_ms, _SMALLEST))
    bounds = ([first - 5.0, 0.0, 0.0], [first + 5.0, 1.0, 1.0])
    fits = [minimise(weighted, [first, *start], bounds) for start in _STARTS]
    best = min(fits, key=lambda fit: fit.squares)
    df = max(1, len(errors) - len(best.values))
    scale = max(1.0, best.squares / df)
    return _Estimate(best.values, best.covariance * scale, df)


def _half_widths(estimate: _Estimate, confidence: float) -> FloatArray:
    """Return half of the intervals of the parameters (delta method)."""
    factor = stats.t_quantile((1.0 + confidence) / 2.0, estimate.df)
    return np.asarray(factor * np.sqrt(np.clip(np.diag(estimate.covariance), 0.0, None)))


def _peak_load(loads: MeasuredLoads, estimate: _Estimate) -> FittedValue | None:
    """Return the load with the largest throughput, with an interval from draws of the parameters."""
    peak = _peak(_curve(estimate.values), loads)
    if peak == math.inf:
        return None
    random = np.random.default_rng(_SEED)
    drawn = random.multivariate_normal(estimate.values, estimate.covariance, _DRAWS, method="svd")
    drawn[:, 1:] = np.clip(drawn[:, 1:], 0.0, 1.0)
    peaks = np.sort([_peak(_curve(values), loads) for values in drawn])
    tail = round((1.0 - loads.confidence) / 2.0 * _DRAWS)
    highest = float(peaks[-1 - tail])
    return FittedValue(
        value=peak,
        low=min(peak, float(peaks[tail])),
        high=None if highest == math.inf else max(peak, highest),
    )


def _peak(curve: UslCurve, loads: MeasuredLoads) -> float:
    in_flight = curve.peak_in_flight()
    if in_flight == math.inf:
        return math.inf
    most_rps = curve.throughput_rps(in_flight)
    return most_rps if loads.unit == "requests/s" else in_flight + most_rps * loads.think_s
