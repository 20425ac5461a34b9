"""A history beside the anchor of its baseline, where the machines became others meanwhile."""

from datetime import timedelta

import pytest

from bench.core.history.history import HistoryPoint
from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.history.trend import trend
from bench.core.verdict.baseline import pin
from bench.core.verdict.compare import Decision
from tests.factories import (
    MACHINES,
    NOON,
    machines_baseline,
    make_fingerprint,
    make_point,
    make_reference_workload,
)


def on_machines(slower: float, version: float, pace: float | None) -> list[HistoryPoint]:
    """Runs of a version on machines that are slower by a factor than those of the anchor."""
    points = []
    for number in range(MIN_TREND_RUNS):
        machine = slower * MACHINES[number % len(MACHINES)]
        point = make_point(
            number,
            started_at=NOON + timedelta(days=number),
            fingerprint=make_fingerprint(simulated=False),
            figures={"e2e_ms": 436.0 * machine * version},
            reference_workload=None if pace is None else make_reference_workload(pace * machine),
        )
        points.append(point)
    return points


@pytest.mark.parametrize(
    ("slower", "version", "pace", "drifted"),
    [(1.3, 1.0, 1.0, ""), (1.3, 1.0, None, "e2e_ms"), (1.0, 1.3, 1.0, "e2e_ms"), (1.04, 1.3, 1.0, "e2e_ms")],
)
def test_slower_machines_are_no_creep(
    slower: float, version: float, pace: float | None, drifted: str
) -> None:
    """What controls put down to the machines is none of the version's, beside an anchor as well."""
    baseline = machines_baseline(paces=None if pace else (None,) * len(MACHINES))
    pinned = pin(baseline, reason="release", by="Tess Ter", at=NOON).pinned
    found = trend(on_machines(slower, version, pace), pinned)
    assert [each.key for each in found.against_pinned] == drifted.split()
    assert (found.decision is Decision.FAIL) == bool(drifted)
