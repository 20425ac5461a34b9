"""Twelve merges, judged by a rolling baseline and by a pinned baseline as well."""

from collections import Counter

from bench.core.samples.metric import Part
from bench.core.verdict.compare import Decision, compare
from bench.core.verdict.levels import pin

from .records import START, as_baseline, results
from .world import Change, Noise, World

MERGES = 12
BASELINE_RUNS = 10
_PARTS = (Part.DECIDES, Part.TAILS, Part.LOCATES)


def judge_history(noise: Noise, change: Change, seed: int) -> Counter[str]:
    """Return whether any of the merges fails, each of which changes the version by the same factor.

    Each merge has one run, which joins the baseline.
    """
    world = World(noise, seed)
    base = world.runs(world.machines(BASELINE_RUNS), world.disturb(BASELINE_RUNS))
    runs = results(base, "base")
    pinned = pin(as_baseline(runs), reason="release", by="nobody", at=START).pinned
    by_roll = by_pinned = False
    for merge in range(1, MERGES + 1):
        version = Change(factor=change.factor**merge)
        made = world.runs(world.machines(1), world.disturb(1), version)
        head = results(made, "merge", first=BASELINE_RUNS + merge)[0]
        baseline = as_baseline(runs[-BASELINE_RUNS:]).model_copy(update={"pinned": pinned})
        comparison = compare(head, baseline)
        by_roll |= any(map(comparison.regressed, _PARTS))
        by_pinned |= comparison.decision is Decision.FAIL
        runs.append(head)
    return Counter(
        {
            "rolling/worse": int(by_roll),
            "bench/worse": int(by_roll or by_pinned),
            "bench/repetitions": 1,
        }
    )
