"""A history compared with its pinned baseline, on other machines."""

from datetime import timedelta

import pytest

from bench.core.history.history import HistoryPoint
from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.history.trend import trend
from bench.core.verdict.compare import Decision
from bench.core.verdict.levels import pin
from tests.factories import (
    MACHINES,
    NOON,
    machines_baseline,
    make_fingerprint,
    make_point,
    make_reference_workload,
)


def on_machines(slower: float, version: float, workload_factor: float | None) -> list[HistoryPoint]:
    """Runs of a version on machines that are slower by a factor than those of the pinned baseline."""
    points = []
    for number in range(MIN_TREND_RUNS):
        machine = slower * MACHINES[number % len(MACHINES)]
        point = make_point(
            number,
            started_at=NOON + timedelta(days=number),
            fingerprint=make_fingerprint(simulated=False),
            figures={"e2e_ms": 436.0 * machine * version},
            reference_workload=None
            if workload_factor is None
            else make_reference_workload(workload_factor * machine),
        )
        points.append(point)
    return points


@pytest.mark.parametrize(
    ("slower", "version", "workload_factor", "drifted"),
    [(1.3, 1.0, 1.0, ""), (1.3, 1.0, None, "e2e_ms"), (1.0, 1.3, 1.0, "e2e_ms"), (1.04, 1.3, 1.0, "e2e_ms")],
)
def test_slower_machines_are_no_drift(
    slower: float, version: float, workload_factor: float | None, drifted: str
) -> None:
    """The effect of the machines is also removed in a comparison with the pinned baseline."""
    baseline = machines_baseline(workload_factors=None if workload_factor else (None,) * len(MACHINES))
    pinned = pin(baseline, reason="release", by="Tess Ter", at=NOON).pinned
    judged = trend(on_machines(slower, version, workload_factor), pinned)
    assert [row.key for row in judged.drifted] == drifted.split()
    assert (judged.decision is Decision.FAIL) == bool(drifted)
