"""The objectives that a load must meet: limits of a share of its requests."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bench.core.config.scenario import Scenario
from bench.core.limits.expression import Expression
from bench.core.limits.threshold import Threshold
from bench.core.samples.metrics import OBJECTIVES, SUCCESS_RATIO, metric
from bench.core.values import wording
from bench.core.values.units import MS_PER_UNIT
from bench.errors import ConfigError

OBJECTIVE_RATIO = 0.05
"""Share of the requests that may be slower than an objective of the scenario: it limits their p95."""
_UPPER = ("<", "<=")
_LOWER = (">", ">=")
_MEDIAN = 50.0


class LoadObjective(NamedTuple):
    """An objective. A request misses it if it fails, or if one of its times is longer than the limit."""

    words: str
    """The objective in words, such as `p95 response time ≤ 10 s`."""
    limits_ms: Mapping[str, float]
    """Limits in milliseconds by metric; empty if a request must only succeed."""
    allowed_ratio: float
    """Share of the requests that may miss it."""

    @property
    def limit_ms(self) -> float | None:
        """The limit, if there is exactly one."""
        return next(iter(self.limits_ms.values())) if len(self.limits_ms) == 1 else None


def list_objectives(scenario: Scenario) -> tuple[LoadObjective, ...]:
    """Return the objectives of a scenario, as the bands of loads in a report use them.

    They are its objectives, or else its thresholds on percentiles of times, and its thresholds on success. A
    search with `goodput` has one objective in place of those on times.

    Raises:
        ConfigError: The scenario has none.
    """
    times = [*_list_times(scenario)]
    goodput = None if scenario.capacity is None else scenario.capacity.goodput
    if goodput is not None:
        times = [_join_times(times, goodput)]
    objectives = (*times, *_list_successes(scenario.thresholds.get(SUCCESS_RATIO, ())))
    if not objectives:
        raise ConfigError(
            f"scenario '{scenario.name}' has no objective, so each load would be safe",
            "add --objective 'e2e<10s' (or ttft), --threshold 'success_ratio rate>0.99', or `objectives:` in "
            "the scenario",
        )
    return objectives


def _list_times(scenario: Scenario) -> Iterator[LoadObjective]:
    for key, limit_ms in scenario.objectives.items():
        yield _limit_time(key, limit_ms, OBJECTIVE_RATIO)
    if scenario.objectives:
        return
    for key, thresholds in scenario.thresholds.items():
        for threshold in thresholds if key in OBJECTIVES else ():
            percentile = _percentile_of(threshold.expression)
            if percentile is not None:
                yield _limit_time(key, threshold.expression.limit, 1.0 - percentile / 100.0)


def _percentile_of(limit: Expression) -> float | None:
    """Return the percentile that an expression limits; `None` if it limits another statistic."""
    if limit.operator not in _UPPER:
        return None
    return _MEDIAN if limit.method == "med" else limit.percentile


def _limit_time(key: str, limit_ms: float, allowed_ratio: float) -> LoadObjective:
    percentile = 100.0 * (1.0 - allowed_ratio)
    words = f"p{percentile:.4g} {metric(key).label} ≤ {_write_limit(limit_ms)}"
    return LoadObjective(words, {key: limit_ms}, allowed_ratio)


def _list_successes(thresholds: Sequence[Threshold]) -> Iterator[LoadObjective]:
    for threshold in thresholds:
        limit = threshold.expression
        if limit.method == "rate" and limit.operator in _LOWER:
            words = f"{metric(SUCCESS_RATIO).label} ≥ {wording.percent(limit.limit)}"
            yield LoadObjective(words, {}, 1.0 - limit.limit)


def _join_times(times: Sequence[LoadObjective], goodput: float) -> LoadObjective:
    """Return the objective that a share of the requests meets all limits."""
    limits_ms: dict[str, float] = {}
    for objective in times:
        for key, limit_ms in objective.limits_ms.items():
            limits_ms[key] = min(limit_ms, limits_ms.get(key, limit_ms))
    shown = wording.listing([f"{metric(key).label} ≤ {_write_limit(ms)}" for key, ms in limits_ms.items()])
    words = f"goodput ≥ {wording.percent(goodput)}"
    return LoadObjective(f"{words} ({shown})" if shown else words, limits_ms, 1.0 - goodput)


def _write_limit(limit_ms: float) -> str:
    """Write a limit as a person says it, without rounding: `10 s`, `800 ms`."""
    return f"{limit_ms / 1000:g} s" if limit_ms >= MS_PER_UNIT["s"] else f"{limit_ms:g} ms"
