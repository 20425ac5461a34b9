"""`python -m benchmarks.capacity`: search simulated queues, and print how often the interval is right."""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np

from .cells import CASES, STANDS, CapacityCell
from .loop import search
from .staircase import LEVEL_S, climb
from .truth import true_safe_load

_LONGER_LEVELS_S = (180.0, 360.0, 720.0)
_COVERED_RATIO = 0.88
"""A staircase with this share of right steps is compared with the search."""
_NO_END = float("inf")


class Stairs(NamedTuple):
    """The staircases with levels of one length."""

    level_s: float
    """Length of a level."""
    took_s: float
    """Mean duration."""
    covered: int
    """Number of staircases whose last two levels have the truth between them."""


class Row(NamedTuple):
    """The searches and staircases of one cell."""

    title: str
    truth: float
    """True safe load."""
    covered: int
    """Number of intervals that contain it, or of searches with the right end."""
    width_ratio: float
    """Median width of the intervals, as a share of their middle."""
    bias_ratio: float
    """Mean error of the estimates, as a share of the truth."""
    spread_ratio: float
    """Standard deviation of the estimates, as a share of the truth."""
    took_s: float
    """Mean duration of a search, with the drains."""
    ended: str
    """Number of searches by end."""
    largest_factor: float
    """Mean largest load of a search, in true safe loads."""
    stairs: tuple[Stairs, ...]
    """The staircase with steps of the same width, until its levels are long enough for the same coverage."""


def measure(cell: CapacityCell, repetitions: int) -> Row:
    """Search a stand several times, and climb the staircase with steps of the same width."""
    truth = true_safe_load(cell.stand)
    previous = cell.previous(truth)
    outcomes = [
        search(cell.stand, cell.settings, np.random.default_rng([seed, 1]), previous)
        for seed in range(repetitions)
    ]
    answers = [outcome.safe_load for outcome in outcomes if outcome.safe_load is not None]
    if cell.end is None:
        covered = sum(answer.low <= truth <= (answer.high or _NO_END) for answer in answers)
    else:
        covered = sum(outcome.ended is cell.end for outcome in outcomes)
    widths = [
        2.0 * (answer.high - answer.low) / (answer.high + answer.low) if answer.high else 2.0
        for answer in answers
    ]
    width_ratio = float(np.median(widths)) if widths else 0.0
    ends = [outcome.ended.value for outcome in outcomes]
    largest = [max(trial.load for trial in outcome.trials) for outcome in outcomes]
    errors = [answer.load / truth - 1.0 for answer in answers]
    return Row(
        cell.title,
        truth,
        covered,
        width_ratio,
        float(np.mean(errors)) if errors else 0.0,
        float(np.std(errors)) if errors else 0.0,
        float(np.mean([outcome.took_s for outcome in outcomes])),
        ", ".join(f"{end} {ends.count(end)}" for end in sorted(set(ends))),
        float(np.mean(largest)) / truth,
        tuple(_climb_longer(cell, truth, width_ratio, repetitions)),
    )


def _climb_longer(cell: CapacityCell, truth: float, width_ratio: float, repetitions: int) -> Iterator[Stairs]:
    """Make the levels longer until enough staircases are right."""
    if cell not in STANDS or not width_ratio:
        return
    for level_s in (LEVEL_S, *_LONGER_LEVELS_S):
        stairs = _climb(cell, truth, width_ratio, repetitions, level_s)
        yield stairs
        if stairs.covered >= _COVERED_RATIO * repetitions:
            return


def _climb(cell: CapacityCell, truth: float, width_ratio: float, repetitions: int, level_s: float) -> Stairs:
    took_s = 0.0
    covered = 0
    for seed in range(repetitions):
        random = np.random.default_rng([seed, 2])
        steps = climb(cell.stand, cell.settings.lowest, width_ratio, random, level_s)
        took_s += steps.took_s / repetitions
        covered += steps.low <= truth <= steps.high
    return Stairs(level_s, took_s, covered)


def _write_head(repetitions: int) -> None:
    sys.stdout.write(
        f"{repetitions} searches per row\n\n"
        "| queue | safe load | right | width | error: mean, spread | time | ended | largest load "
        "| staircase: levels, time, right |\n"
        "| :--- | ---: | ---: | ---: | ---: | ---: | :--- | ---: | :--- |\n"
    )


def _write_row(row: Row, repetitions: int) -> None:
    cells = [
        row.title,
        f"{row.truth:.3g}",
        f"{100 * row.covered / repetitions:.0f} %",
        f"{100 * row.width_ratio:.0f} %",
        f"{100 * row.bias_ratio:+.0f} %, {100 * row.spread_ratio:.0f} %",
        f"{row.took_s:.0f} s",
        row.ended,
        f"{100 * row.largest_factor:.0f} %",
        "; ".join(
            f"{stairs.level_s:.0f} s, {stairs.took_s:.0f} s, {100 * stairs.covered / repetitions:.0f} %"
            for stairs in row.stairs
        ),
    ]
    sys.stdout.write("| " + " | ".join(cells) + " |\n")
    sys.stdout.flush()


def main() -> int:
    """Simulate all rows and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=100, help="searches per row (default: 100)")
    parser.add_argument("--cell", default="", help="only the rows with this text (default: all)")
    given = parser.parse_args()
    cells = [cell for cell in (*STANDS, *CASES) if given.cell in cell.title]
    _write_head(given.repetitions)
    with ProcessPoolExecutor() as pool:
        for row in pool.map(measure, cells, [given.repetitions] * len(cells)):
            _write_row(row, given.repetitions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
