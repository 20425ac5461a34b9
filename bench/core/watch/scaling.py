"""Decide how many instances a service needs, from a gauge: target tracking with a cool-down.

As in Kubernetes, many instances are wanted at once, and fewer only when the largest number that was wanted
for some time is smaller: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
"""

import math
from dataclasses import dataclass, field

from bench.core.config.autoscaling import Autoscaling
from bench.core.values.record import Record

# A gauge this near its target changes nothing. It is the default of Kubernetes.
_TOLERANCE = 0.1


class ScalingDecision(Record):
    """A change of the number of instances during a run."""

    at_s: float
    """Time of the reading that led to it, in seconds since the start of the load."""
    service: str
    """Service that was scaled."""
    gauge: str
    """Service and name of the gauge, such as `model.queue_depth`."""
    value: float
    """Value of the gauge, added up over all instances."""
    before: int
    """Number of instances before the change."""
    after: int
    """Number of instances that the rule wanted."""
    took_s: float | None = None
    """Time until the instances were ready, or had ended; null if the change failed."""
    problem: str | None = None
    """Why the change failed; null if it did not."""


@dataclass(slots=True)
class Scaler:
    """The readings that a rule needs for its decisions."""

    rule: Autoscaling
    _wishes: list[tuple[float, int]] = field(default_factory=list, init=False)
    _began_s: float | None = field(default=None, init=False)
    _changed_s: float = field(default=-math.inf, init=False)

    def decide(self, at_s: float, value: float, count: int) -> int:
        """Return the number of instances that a service should have.

        Args:
            at_s: Time of the reading.
            value: The gauge, added up over all instances.
            count: Number of instances now.
        """
        rule = self.rule
        low, high = rule.between
        wish = min(max(_wish(rule, value, count), low), high)
        recent = [(read_s, other) for read_s, other in self._wishes if read_s > at_s - rule.down_after_s]
        self._wishes = [*recent, (at_s, wish)]
        if self._began_s is None:
            self._began_s = at_s
        if wish > count and at_s - self._changed_s >= rule.cool_down_s:
            self._changed_s = at_s
            return wish
        most = max(other for _, other in self._wishes)
        if most < count and at_s - max(self._began_s, self._changed_s) >= rule.down_after_s:
            self._changed_s = at_s
            return most
        return count


def _wish(rule: Autoscaling, value: float, count: int) -> int:
    """Return the number of instances at which the gauge of each would be the target."""
    ratio = value / (rule.target * count) if count else math.inf
    if abs(ratio - 1) <= _TOLERANCE:
        return count
    return math.ceil(value / rule.target)
