"""`make bench-verdicts`: count how often a verdict is wrong, with simulated and real noise.

The results are kept in a folder, so you can stop the program and continue it later.
"""

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from .cells import CELLS, Design
from .designs import OURS, judge
from .store import Results, code_digest
from .tables import cells_table, goals_table, merges_table, others_table, summary
from .traces import moments

_ROOT = Path(__file__).parents[2]
_HERE = Path(__file__).parent
_PART = 100
_QUICK = 200
_CHECKS = frozenset({Design.CHECK, Design.TRACE, Design.ACCEPTED, Design.UNDONE, Design.DETECTABLE_CHECK})
_PAIRS = frozenset({Design.PAIRS, Design.SUITE, Design.DETECTABLE_PAIRS})


def simulate(title: str, first: int) -> tuple[str, int, Counter[str], float]:
    """Judge one part of a cell; return its counts and the seconds that it took."""
    began = time.monotonic()
    counts: Counter[str] = Counter()
    for seed in range(first, first + _PART):
        counts.update(judge(CELLS[title], seed))
    return title, first, counts, time.monotonic() - began


def fill(results: Results, titles: list[str], repetitions: int, budget_s: float) -> bool:
    """Simulate the missing parts until the time is over; return whether all are there."""
    ends = time.monotonic() + budget_s
    parts = results.missing(titles, range(0, repetitions, _PART))
    titles_of = [title for title, _ in parts]
    firsts_of = [first for _, first in parts]
    with ProcessPoolExecutor() as pool:
        for done, (title, first, counts, took_s) in enumerate(pool.map(simulate, titles_of, firsts_of), 1):
            results.add(title, first, counts)
            sys.stderr.write(f"{done} of {len(parts)}: {title} {first} ({took_s:.0f} s)\n")
            if time.monotonic() > ends:
                pool.shutdown(wait=False, cancel_futures=True)
                return False
    return True


def main() -> int:
    """Run the simulation and write the page, which states the number of repetitions."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__)
    parser.add_argument(
        "--repetitions", type=int, default=2000, help="pull requests per cell (default: 2000)"
    )
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK} per cell, print the tables only")
    parser.add_argument("--cell", default="", help="only the cells with this text (default: all)")
    parser.add_argument("--minutes", type=float, default=600.0, help="time limit (default: 600)")
    parser.add_argument("--results", type=Path, help="folder of the results (default: by the code's digest)")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs" / "explanation" / "verdicts.md")
    given = parser.parse_args()
    repetitions = _QUICK if given.quick else given.repetitions
    titles = [title for title in CELLS if given.cell in title]
    results = Results(given.results or _ROOT / "results" / "verdicts" / code_digest())
    complete = fill(results, titles, repetitions, 60.0 * given.minutes)
    counts = {title: results.total(title) for title in CELLS}
    before = {title: Counter(of_cell) for title, of_cell in json.loads(_BEFORE.read_text()).items()}
    text = page(counts, before)
    if not given.quick and all(counts.values()):
        given.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0 if complete else 1


_BEFORE = _HERE / "before.json"


def page(counts: dict[str, Counter[str]], before: dict[str, Counter[str]]) -> str:
    """Return the page: the method, and the tables in its places."""
    method = (_HERE / "method.md").read_text(encoding="utf-8")
    repetitions = min(counts[title][f"{OURS}/repetitions"] for title in CELLS)
    tables = {
        "{{repetitions}}": f"{repetitions:,}",
        "{{before}}": f"{max((of_cell[f'{OURS}/repetitions'] for of_cell in before.values()), default=0):,}",
        "{{cells}}": str(len(CELLS)),
        "{{moments}}": str(len(moments())),
        "{{summary}}": summary(counts),
        "{{goals}}": goals_table(counts, before),
        "{{checks}}": cells_table(counts, before, _CHECKS),
        "{{pairs}}": cells_table(counts, before, _PAIRS),
        "{{merges}}": merges_table(counts),
        "{{other checks}}": others_table(counts, frozenset({Design.CHECK, Design.TRACE})),
        "{{other pairs}}": others_table(counts, frozenset({Design.PAIRS})),
    }
    for place, table in tables.items():
        method = method.replace(place, table)
    return method


if __name__ == "__main__":
    sys.exit(main())
