"""Twelve small steps for the worse: which of them does a rolling baseline see, and which an anchor?"""

from datetime import UTC, datetime

from bench.core.samples.metrics import Part
from bench.core.verdict.baseline import pin
from bench.core.verdict.compare import Decision, compare

from .rules import BASELINE_RUNS, Version
from .world import Follows, Machines, World, as_baseline, as_result

MERGES = 12
_USUAL, _ALONE = Machines(sd=0.06), Machines(sd=0.06, reference_workload=Follows.NONE)
# Title: machines, and how much slower each merge is than the one before it.
HISTORIES: dict[str, tuple[Machines, float]] = {
    "no change, 6 % between machines": (_USUAL, 1.0),
    "no change, 6 %, no reference workload": (_ALONE, 1.0),
    "each 3 % slower, 6 % between machines": (_USUAL, 1.03),
    "each 3 % slower, 6 %, no reference workload": (_ALONE, 1.03),
}
_NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def steps_found(title: str, first: int, count: int) -> tuple[int, int]:
    """In how many of so many histories the steps are found: by the rolling baseline, and with an anchor."""
    rolling = anchored = 0
    for number in range(first, first + count):
        machines, step = HISTORIES[title]
        by_roll, by_pinned = _one(World(machines, seed=number), step)
        rolling, anchored = rolling + by_roll, anchored + (by_roll or by_pinned)
    return rolling, anchored


def _one(world: World, step: float) -> tuple[bool, bool]:
    """Whether any of the merges fails beside the last ten runs, and beside those before the first merge."""
    runs = [world.run(world.machine(new=False)) for _ in range(BASELINE_RUNS)]
    pinned = pin(as_baseline(runs), reason="release", by="nobody", at=_NOON).pinned
    by_roll = by_pinned = False
    for merge in range(1, MERGES + 1):
        head = Version(world, step**merge, 0.0).first
        baseline = as_baseline(runs[-BASELINE_RUNS:]).model_copy(update={"pinned": pinned})
        found = compare(as_result(head, merge), baseline)
        # Its random numbers have no limits, and nothing vanishes from them.
        by_roll |= any(found.regressed(part) for part in (Part.DECIDES, Part.TAILS, Part.LOCATES))
        by_pinned |= found.decision is Decision.FAIL
        runs.append(head)
    return by_roll, by_pinned
