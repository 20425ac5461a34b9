"""The Pareto front of a grid: the versions that no other version beats in every respect."""

from collections.abc import Mapping, Sequence

from bench.core.experiment.quantities import Quantity


def find_front(points: Sequence[Mapping[Quantity, float]]) -> list[bool]:
    """Return for each point whether no other one dominates it.

    A point dominates another one if it is at least as good in every quantity, and better in one.
    """
    return [not any(_dominates(other, point) for other in points) for point in points]


def _dominates(point: Mapping[Quantity, float], other: Mapping[Quantity, float]) -> bool:
    is_better = False
    for quantity, value in point.items():
        gain = value - other[quantity] if quantity.higher_is_better else other[quantity] - value
        if gain < 0.0:
            return False
        is_better = is_better or gain > 0.0
    return is_better
