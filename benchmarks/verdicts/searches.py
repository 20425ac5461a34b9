"""`python -m benchmarks.verdicts.searches`: how often the verdict on a safe load is wrong.

A search has an honest interval: its best estimate varies around the safe load of its run by the error that
the interval states, and the safe load of a run varies around that of the version. A suspect search is
repeated once, as by `bench check`.
"""

import argparse
import math
import random
import statistics
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from bench.core.run.safe_load import ComparedLoad, LoadInterval
from bench.core.samples.cost_metrics import SAFE_LOAD, SAFE_RATE
from bench.core.values.stats import proportion_interval
from bench.core.verdict.accepted_searches import AcceptedSearches
from bench.core.verdict.verdict import MetricComparison, Verdict

CONFIDENCE = 0.9
_QUANTILE = statistics.NormalDist().inv_cdf((1.0 + CONFIDENCE) / 2.0)
LOSSES = (0.0, 0.1, 0.2, 0.3, 0.4)


@dataclass(frozen=True, slots=True)
class SearchCell:
    """One row: a stack, its searches, and its baseline."""

    title: str
    """Name of the row."""
    load: float = 17.4
    """Safe load of the accepted version."""
    key: str = SAFE_LOAD
    """Metric: whole users, or requests per second."""
    width_ratio: float = 0.2
    """Width of an interval, as a share of its middle."""
    spread: float = 0.03
    """Standard deviation of the safe load between runs, which no interval contains."""
    accepted: int = 3
    """Number of accepted searches."""
    upper: float = 1.0
    """Error towards larger loads, in errors towards smaller ones."""


CELLS = (
    SearchCell("17 users, width 20 %, 3 accepted"),
    SearchCell("1 accepted", accepted=1),
    SearchCell("5 accepted", accepted=5),
    SearchCell("10 accepted", accepted=10),
    SearchCell("width 10 %", width_ratio=0.1),
    SearchCell("width 40 %", width_ratio=0.4),
    SearchCell("no spread between runs", spread=0.0),
    SearchCell("spread of 6 %, twice the prior", spread=0.06),
    SearchCell("spread of 6 %, 10 accepted", spread=0.06, accepted=10),
    SearchCell("upper ends twice as far", upper=2.0),
    SearchCell("3 users", load=3.5, width_ratio=0.4),
    SearchCell("100 users, width 10 %", load=100.4, width_ratio=0.1),
    SearchCell("2 requests/s", load=2.0, key=SAFE_RATE),
    SearchCell("2 requests/s, width 10 %", load=2.0, key=SAFE_RATE, width_ratio=0.1),
)


def search(cell: SearchCell, load: float, dice: random.Random) -> ComparedLoad:
    """Return the answer of a search of a version with this safe load."""
    error = cell.width_ratio / 2.0 / _QUANTILE
    own = load * math.exp(dice.gauss(0.0, cell.spread))
    chance = dice.gauss(0.0, 1.0)
    # The estimate is low by the error of its upper end, or high by that of its lower end.
    log_load = math.log(own) + chance * error * (1.0 if chance > 0.0 else cell.upper)
    low = math.exp(log_load - _QUANTILE * error)
    high = math.exp(log_load + _QUANTILE * error * cell.upper)
    best = math.exp(log_load)
    if cell.key == SAFE_LOAD:
        best = max(1.0, math.floor(best))
        low = min(best, max(0.0, math.floor(low)))
        high = max(best, math.floor(high))
    return ComparedLoad(cell.key, best, LoadInterval(low=low, high=high, confidence=CONFIDENCE))


def check(cell: SearchCell, loss: float, dice: random.Random) -> MetricComparison:
    """Compare a version with a smaller safe load, and confirm a suspicion."""
    levels = [[search(cell, cell.load, dice) for _ in range(cell.accepted)]]
    heads = [search(cell, cell.load * (1.0 - loss), dice)]
    (row,) = AcceptedSearches(heads, levels, {}, simulated=True).judge().metrics
    if row.suspect:
        heads.append(search(cell, cell.load * (1.0 - loss), dice))
        (row,) = AcceptedSearches(heads, levels, {}, simulated=True).judge().metrics
    return row


def measure(cell: SearchCell, repetitions: int) -> list[str]:
    """Return the cells of a row."""
    cells = [cell.title]
    dice = random.Random(cell.title)
    for loss in LOSSES:
        verdicts = Counter(check(cell, loss, dice).verdict for _ in range(repetitions))
        worse = verdicts[Verdict.WORSE]
        if loss:
            cells.append(f"{100 * worse / repetitions:.0f} %")
        else:
            low, high = proportion_interval(worse, repetitions, 0.95)
            cells.append(f"{100 * worse / repetitions:.1f} % ({100 * low:.1f} to {100 * high:.1f})")
            cells.append(f"{100 * verdicts[Verdict.INCONCLUSIVE] / repetitions:.0f} %")
    return cells


def main() -> int:
    """Simulate all rows and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts.searches", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1000, help="comparisons per cell (default: 1000)")
    parser.add_argument("--processes", type=int, default=2, help="processes (default: 2)")
    given = parser.parse_args()
    write = sys.stdout.write
    write(f"{given.repetitions} comparisons per cell\n")
    losses = [f"-{100 * loss:.0f} %: worse" for loss in LOSSES if loss]
    write("| searches | unchanged: worse | cannot tell | " + " | ".join(losses) + " |\n")
    write("| :--- |" + " ---: |" * (len(losses) + 2) + "\n")
    with ProcessPoolExecutor(given.processes) as pool:
        for cells in pool.map(measure, CELLS, [given.repetitions] * len(CELLS)):
            write("| " + " | ".join(cells) + " |\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
