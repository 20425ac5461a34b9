"""Twelve small slowdowns, judged by a rolling baseline and by a pinned baseline."""

from datetime import UTC, datetime

from bench.core.samples.metric import Part
from bench.core.verdict.compare import Decision, compare
from bench.core.verdict.levels import pin

from .rules import BASELINE_RUNS, Version
from .world import Follows, Machines, World, as_baseline, as_result

MERGES = 12
_USUAL, _ALONE = Machines(sd=0.06), Machines(sd=0.06, reference_workload=Follows.NONE)
# Title: machines, and the slowdown factor of each merge.
HISTORIES: dict[str, tuple[Machines, float]] = {
    "no change, 6 % between machines": (_USUAL, 1.0),
    "no change, 6 %, no reference workload": (_ALONE, 1.0),
    "each 3 % slower, 6 % between machines": (_USUAL, 1.03),
    "each 3 % slower, 6 %, no reference workload": (_ALONE, 1.03),
}
_NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def detected_drift(title: str, first: int, count: int) -> tuple[int, int]:
    """Return the number of failed histories with a rolling baseline, and with a pinned baseline as well."""
    rolling = pinned = 0
    machines, step = HISTORIES[title]
    for number in range(first, first + count):
        by_roll, by_pinned = _one(World(machines, seed=number), step)
        rolling += by_roll
        pinned += by_roll or by_pinned
    return rolling, pinned


def _one(world: World, step: float) -> tuple[bool, bool]:
    """Return whether any merge fails against the last ten runs, and against those before the first merge."""
    runs = [world.run(world.machine(new=False)) for _ in range(BASELINE_RUNS)]
    pinned = pin(as_baseline(runs), reason="release", by="nobody", at=_NOON).pinned
    by_roll = by_pinned = False
    for merge in range(1, MERGES + 1):
        head = Version(world, step**merge, 0.0).first
        baseline = as_baseline(runs[-BASELINE_RUNS:]).model_copy(update={"pinned": pinned})
        comparison = compare(as_result(head, merge), baseline)
        # The simulated runs have no thresholds, and no metric vanishes from them.
        by_roll |= any(comparison.regressed(part) for part in (Part.DECIDES, Part.TAILS, Part.LOCATES))
        by_pinned |= comparison.decision is Decision.FAIL
        runs.append(head)
    return by_roll, by_pinned
