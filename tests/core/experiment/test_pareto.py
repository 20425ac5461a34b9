"""The Pareto front of a grid."""

from bench.core.experiment.pareto import find_front
from bench.core.experiment.quantities import parse_quantity

LATENCY = parse_quantity("e2e_ms p50")
THROUGHPUT = parse_quantity("requests_rps")
SUCCESS = parse_quantity("success_ratio")


def _front(*points: tuple[float, float, float]) -> list[bool]:
    """The front of points of latency, throughput and success."""
    rows = [dict(zip((LATENCY, THROUGHPUT, SUCCESS), point, strict=True)) for point in points]
    return find_front(rows, SUCCESS)


def test_a_point_that_another_one_beats_is_not_on_the_front() -> None:
    """Slower and with less throughput is never a choice; slower with more throughput may be one."""
    assert _front((100.0, 10.0, 1.0), (200.0, 5.0, 1.0), (300.0, 50.0, 1.0)) == [True, False, True]


def test_a_difference_within_the_noise_beats_no_point() -> None:
    """Estimates that differ by two per cent are equal."""
    assert _front((100.0, 10.0, 1.0), (102.0, 9.9, 1.0)) == [True, True]


def test_refusals_are_no_choice() -> None:
    """A version that refuses most requests answers the others fast, and is not on the front."""
    assert _front((20.0, 10.0, 0.4), (100.0, 10.0, 1.0)) == [False, True]
