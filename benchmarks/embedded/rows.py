"""The known changes of the embedded stack, and the order of their runs."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

BASELINE, SAME = "baseline", "no change"
BASELINE_RUNS, SAME_RUNS, CHANGED_RUNS = 10, 40, 10
_SEED = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One version of the stack."""

    variables: Mapping[str, str]
    """Variables of the services that slow it down."""
    runs: int = CHANGED_RUNS
    """Number of its runs."""


def _slow(factor: float, **selected: str) -> Row:
    variables = {"MODEL_SLOWDOWN": str(factor)}
    for name, value in selected.items():
        variables[f"MODEL_SLOWDOWN_{name}"] = value
    return Row(variables)


ROWS: dict[str, Row] = {
    BASELINE: Row({}, BASELINE_RUNS),
    SAME: Row({}, SAME_RUNS),
    "the model 5 % slower": _slow(1.05),
    "the model 10 % slower": _slow(1.10),
    "the model 20 % slower": _slow(1.20),
    # Three messages have more than 2,000 tokens; only `contact-form` has less than 15.
    "long messages 50 % slower": _slow(1.5, FROM_TOKENS="1000"),
    "one message takes three times as long": _slow(3.0, TO_TOKENS="14"),
    "one in ten requests takes three times as long": _slow(3.0, RATIO="0.1"),
    "20 ms more in the backend": Row({"BACKEND_DELAY_MS": "20"}),
}
"""The versions by title."""


def schedule() -> list[tuple[str, int]]:
    """Return all runs in their order: first the baseline, then each changed run next to an unchanged one.

    The other runs are in a random order, so that a busy hour does not affect only one row. A changed run, an
    unchanged one and another changed run follow each other, so that each changed run has a base for a pair.
    """
    order = [(BASELINE, number) for number in range(BASELINE_RUNS)]
    dice = random.Random(_SEED)
    titles = [title for title in ROWS if title not in {BASELINE, SAME}]
    changed: list[tuple[str, int]] = []
    for number in range(CHANGED_RUNS):
        dice.shuffle(titles)
        if changed and titles[0] == changed[-1][0]:
            titles.reverse()  # two runs of one row never have the same unchanged run
        changed += [(title, number) for title in titles]
    for same in range(SAME_RUNS):
        around = changed[2 * same : 2 * same + 2]
        order += [*around[:1], (SAME, same), *around[1:]]
    return order


def neighbour(title: str, number: int) -> int:
    """Return the unchanged run that was measured next to a changed one."""
    order = schedule()
    position = order.index((title, number))
    for step in (1, -1):
        if 0 <= position + step < len(order) and order[position + step][0] == SAME:
            return order[position + step][1]
    raise ValueError(f"no unchanged run is next to {title} {number}")
