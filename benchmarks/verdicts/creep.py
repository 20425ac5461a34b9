"""Twelve small steps for the worse: which of them does a rolling baseline see, and which an anchor?"""

from datetime import UTC, datetime

from bench.core.baseline import pin
from bench.core.compare import Decision, compare

from .rules import BASELINE_RUNS, Version
from .world import Follows, Machines, World, as_baseline, as_result

MERGES, STEP = 12, 1.03
WORLDS = {
    "6 % between machines": Machines(sd=0.06),
    "6 %, no control": Machines(sd=0.06, control=Follows.NONE),
}
_NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def steps_found(title: str, first: int, count: int) -> tuple[int, int]:
    """In how many of so many histories the steps are found: by the rolling baseline, and with an anchor."""
    rolling = anchored = 0
    for number in range(first, first + count):
        by_roll, by_anchor = _one(World(WORLDS[title], seed=number))
        rolling, anchored = rolling + by_roll, anchored + (by_roll or by_anchor)
    return rolling, anchored


def _one(world: World) -> tuple[bool, bool]:
    """Whether any of the merges fails beside the last ten runs, and beside those before the first merge."""
    runs = [world.run(world.machine(new=False)) for _ in range(BASELINE_RUNS)]
    anchor = pin(as_baseline(runs), reason="release", by="nobody", at=_NOON).anchor
    by_roll = by_anchor = False
    for merge in range(1, MERGES + 1):
        head = Version(world, STEP**merge, 0.0).first
        rolled = as_baseline(runs[-BASELINE_RUNS:])
        by_roll |= compare(as_result(head, merge), rolled).decision is Decision.FAIL
        pinned = rolled.model_copy(update={"anchor": anchor})
        by_anchor |= compare(as_result(head, merge), pinned).decision is Decision.FAIL
        runs.append(head)
    return by_roll, by_anchor
