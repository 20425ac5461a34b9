"""The Pareto front of a grid: the versions that no other version beats in every respect."""

from collections.abc import Mapping, Sequence

from bench.core.experiment.quantities import Quantity

LEAST_SUCCESS = 0.95
"""Smallest share of successful requests of a version on the front: a refusal is fast and costs little."""
SAME_RATIO = 0.05
"""Values that differ by less than this share count as equal, because all of them are estimates."""


def find_front(points: Sequence[Mapping[Quantity, float]], success: Quantity) -> list[bool]:
    """Return for each point whether it is on the front.

    A point dominates another one if it is not worse in any quantity, and better in one. The front
    has the points with enough successful requests that no other one of them dominates.

    Args:
        points: The values of each version.
        success: The share of successful requests.
    """
    able = [point for point in points if point[success] >= LEAST_SUCCESS]
    on_front: list[bool] = []
    for point in points:
        is_dominated = any(_dominates(other, point) for other in able)
        on_front.append(point in able and not is_dominated)
    return on_front


def _dominates(point: Mapping[Quantity, float], other: Mapping[Quantity, float]) -> bool:
    is_better = False
    for quantity, value in point.items():
        gain = value - other[quantity] if quantity.higher_is_better else other[quantity] - value
        same = SAME_RATIO * abs(other[quantity])
        if gain < -same:
            return False
        is_better = is_better or gain > same
    return is_better
