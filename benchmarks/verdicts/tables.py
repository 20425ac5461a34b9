"""The results of the simulation as Markdown."""

import math
from collections import Counter
from collections.abc import Mapping

from bench.core.values import stats, wording

from .cells import CELLS, GOALS, Cell, Design, Goal
from .designs import OTHERS, OURS

_CONFIDENCE = 0.95
# What people read for a rate.
_NAMES = {
    "worse": "worse",
    "inconclusive": "cannot tell",
    "pass": "passes",
    "verdict": "gets a verdict",
    "pairs": "number of pairs",
}
Counts = Mapping[str, Counter[str]]


def goals_table(counts: Counts, before: Counts) -> str:
    """Return the required rates, the measured ones, and those of the first edition."""
    lines = [
        "| case | cell | required | measured | first edition | |",
        "| :--- | :--- | ---: | ---: | ---: | :--- |",
    ]
    row = ""
    for goal in GOALS:
        cells = [
            "" if goal.row == row else goal.row,
            f"{goal.cell}: {_NAMES[goal.rate]}",
            _required(goal),
            show_rate(counts[goal.cell], goal.rate),
            show_rate(before.get(goal.cell, Counter()), goal.rate),
            "met" if _is_met(goal, counts[goal.cell]) else "**missed**",
        ]
        lines.append(f"| {' | '.join(cells)} |")
        row = goal.row
    return "\n".join(lines) + "\n"


def summary(counts: Counts) -> str:
    """Return how many required rates are met, and which are missed."""
    missed: list[str] = []
    for goal in GOALS:
        if not _is_met(goal, counts[goal.cell]):
            measured = f"{_NAMES[goal.rate]} {show_rate(counts[goal.cell], goal.rate)}"
            missed.append(f"- Missed: {goal.cell}: {measured}, required {_required(goal)}.")
    first = f"- {len(GOALS) - len(missed)} of {len(GOALS)} required rates are met."
    return "\n".join([first, *missed])


def _is_met(goal: Goal, counts: Counter[str]) -> bool:
    measured = _value(counts, goal.rate)
    return measured is not None and goal.low <= measured <= goal.high


def cells_table(counts: Counts, before: Counts, designs: frozenset[Design]) -> str:
    """Return what the rule decides in each cell of some designs."""
    lines = [
        "| cell | worse | cannot tell | pairs | first edition: worse | cannot tell |",
        "| :--- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for cell in _of(designs):
        now = counts[cell.title]
        earlier = before.get(cell.title, Counter())
        cells = [
            cell.title,
            show_rate(now, "worse"),
            show_rate(now, "inconclusive"),
            show_rate(now, "pairs"),
            show_rate(earlier, "worse"),
            show_rate(earlier, "inconclusive"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def merges_table(counts: Counts) -> str:
    """Return how many histories of twelve merges fail."""
    lines = ["| cell | rolling baseline | pinned baseline as well |", "| :--- | ---: | ---: |"]
    for cell in _of(frozenset({Design.MERGES})):
        now = counts[cell.title]
        rolling = Counter(
            {f"{OURS}/worse": now["rolling/worse"], f"{OURS}/repetitions": now[f"{OURS}/repetitions"]}
        )
        lines.append(f"| {cell.title} | {show_rate(rolling, 'worse')} | {show_rate(now, 'worse')} |")
    return "\n".join(lines) + "\n"


def others_table(counts: Counts, designs: frozenset[Design]) -> str:
    """Return the share of pull requests that each tool's rule reports as a regression."""
    lines = [
        f"| cell | {OURS} | {' | '.join(OTHERS)} |",
        f"| :--- | {' | '.join(['---:'] * (len(OTHERS) + 1))} |",
    ]
    for cell in _of(designs):
        now = counts[cell.title]
        repetitions = now[f"{OURS}/repetitions"]
        shares = [_percent(now[f"{rule}/worse"], repetitions) for rule in (OURS, *OTHERS)]
        lines.append(f"| {cell.title} | {' | '.join(shares)} |")
    return "\n".join(lines) + "\n"


def show_rate(counts: Counter[str], rate: str) -> str:
    """Return a rate with its 95 % interval (Clopper and Pearson, 1934), or the mean number of pairs."""
    value = _value(counts, rate)
    if value is None:
        return wording.DASH
    if rate == "pairs":
        return f"{value:.1f}"
    total = counts[f"{OURS}/repetitions"]
    low, high = stats.proportion_interval(counts[f"{OURS}/{rate}"], total, _CONFIDENCE)
    return f"{100 * value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _value(counts: Counter[str], rate: str) -> float | None:
    total = counts[f"{OURS}/repetitions"]
    if not total or (rate == "pairs" and not counts[f"{OURS}/pairs"]):
        return None
    return counts[f"{OURS}/{rate}"] / total


def _required(goal: Goal) -> str:
    unit = "" if goal.rate == "pairs" else " %"
    scale = 1 if goal.rate == "pairs" else 100
    if goal.low and math.isfinite(goal.high):
        return f"{scale * goal.low:g} to {scale * goal.high:g}{unit}"
    if goal.low:
        return f"≥ {scale * goal.low:g}{unit}"
    return f"≤ {scale * goal.high:g}{unit}"


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.1f}" if total else wording.DASH


def _of(designs: frozenset[Design]) -> list[Cell]:
    return [cell for cell in CELLS.values() if cell.design in designs]
