"""`make bench-verdicts`: simulate how often each rule reports a regression, with and without a change."""

import argparse
import math
import sys
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path

from .drift import HISTORIES, MERGES, detected_drift
from .rules import BASELINE_RUNS, RULES, Base, Version
from .world import Follows, Machines, World

_ROOT = Path(__file__).parents[2]
_METHOD = Path(__file__).with_name("method.md")
_STEPS = "\n## Many small steps\n\nA history of twelve merges fails if any of its merges fails.\n\n"
_CHUNK = 125
QUIET, USUAL, NOISY = (Machines(sd=sd) for sd in (0.027, 0.06, 0.10))
ALONE, ALONE_NOISY = (Machines(sd=sd, reference_workload=Follows.NONE) for sd in (0.06, 0.10))
MANY = Machines(sd=0.06, requests=300)
# Title: machines, slowdown factor of the version, share of failures, share of much slower requests.
CELLS: dict[str, tuple[Machines, float, float, float]] = {
    "no change, 2.7 % between machines": (QUIET, 1.0, 0.0, 0.0),
    "no change, 6 %": (USUAL, 1.0, 0.0, 0.0),
    "no change, 10 %": (NOISY, 1.0, 0.0, 0.0),
    "no change, two kinds of processor": (Machines(sd=0.027, mixed=True), 1.0, 0.0, 0.0),
    "no change, heavy tails": (Machines(sd=0.06, tails=True), 1.0, 0.0, 0.0),
    "no change, one run in ten a quarter slower": (Machines(sd=0.06, moments=True), 1.0, 0.0, 0.0),
    "no change, clustered failures": (Machines(sd=0.06, bursts=True), 1.0, 0.0, 0.0),
    "no change, machines now 8 % slower": (Machines(sd=0.06, drift=1.08), 1.0, 0.0, 0.0),
    "no change, a reference workload that follows by half": (
        Machines(sd=0.06, reference_workload=Follows.HALF),
        1.0,
        0.0,
        0.0,
    ),
    "no change, an unrelated reference workload": (
        Machines(sd=0.06, reference_workload=Follows.NOT),
        1.0,
        0.0,
        0.0,
    ),
    "no change, 6 %, no reference workload": (ALONE, 1.0, 0.0, 0.0),
    "no change, 10 %, no reference workload": (ALONE_NOISY, 1.0, 0.0, 0.0),
    "no change, machines now 8 % slower, no reference workload": (
        Machines(sd=0.06, drift=1.08, reference_workload=Follows.NONE),
        1.0,
        0.0,
        0.0,
    ),
    "no change, 300 requests": (MANY, 1.0, 0.0, 0.0),
    "10 % slower, 2.7 %": (QUIET, 1.1, 0.0, 0.0),
    "10 % slower, 6 %": (USUAL, 1.1, 0.0, 0.0),
    "20 % slower, 2.7 %": (QUIET, 1.2, 0.0, 0.0),
    "20 % slower, 6 %": (USUAL, 1.2, 0.0, 0.0),
    "20 % slower, 10 %": (NOISY, 1.2, 0.0, 0.0),
    "20 % slower, 6 %, no reference workload": (ALONE, 1.2, 0.0, 0.0),
    "30 % slower, 6 %, no reference workload": (ALONE, 1.3, 0.0, 0.0),
    "one in ten of 52 requests fails": (USUAL, 1.0, 0.1, 0.0),
    "one in twenty of 300 requests takes four times as long": (MANY, 1.0, 0.0, 0.05),
    "one in twenty of 300 requests fails": (MANY, 1.0, 0.05, 0.0),
}


def calls(title: str, first: int, count: int) -> dict[str, int]:
    """Return the number of pull requests that each rule reports as a regression.

    Args:
        title: Row of the table.
        first: Seed of the first pull request; the others follow.
        count: Number of pull requests.
    """
    machines, *worse = CELLS[title]
    reported = dict.fromkeys(RULES, 0)
    for number in range(first, first + count):
        world = World(machines, seed=number)
        base = Base([world.run(world.machine(new=False)) for _ in range(BASELINE_RUNS)])
        head = Version(world, *worse)
        for name, rule in RULES.items():
            reported[name] += rule(world, base, head)
    return reported


def table(counts: dict[str, dict[str, int]], repetitions: int) -> str:
    """Return the shares with their standard errors as Markdown."""
    lines = [f"| of {repetitions:,} pull requests | {' | '.join(RULES)} |"]
    lines.append(f"| :--- | {' | '.join(['---:'] * len(RULES))} |")
    for title, reported in counts.items():
        cells = [_share(reported[name], repetitions) for name in RULES]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def drift_table(pool: Executor, repetitions: int) -> str:
    """Return the share of histories, with and without small steps, that fail, as Markdown."""
    lines = [f"| {MERGES} merges, of {repetitions:,} histories | rolling baseline | pinned baseline |"]
    lines.append("| :--- | ---: | ---: |")
    for title in HISTORIES:
        starts = range(0, repetitions, _CHUNK)
        sizes = [min(_CHUNK, repetitions - start) for start in starts]
        parts = list(pool.map(detected_drift, [title] * len(sizes), starts, sizes))
        rolling, pinned = (sum(counts) for counts in zip(*parts, strict=True))
        lines.append(f"| {title} | {_share(rolling, repetitions)} | {_share(pinned, repetitions)} |")
        sys.stderr.write(f"{lines[-1]}\n")
    return "\n".join(lines) + "\n"


def _share(count: int, total: int) -> str:
    share = count / total
    error = math.sqrt(share * (1.0 - share) / total)
    return f"{100 * share:.1f} ± {100 * error:.1f} %"


def main() -> int:
    """Run the simulation."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--output", type=Path, default=_ROOT / "docs" / "explanation" / "verdicts.md")
    given = parser.parse_args()
    counts: dict[str, dict[str, int]] = {}
    with ProcessPoolExecutor() as pool:
        for title in CELLS:
            starts = range(0, given.repetitions, _CHUNK)
            sizes = [min(_CHUNK, given.repetitions - start) for start in starts]
            parts = list(pool.map(calls, [title] * len(sizes), starts, sizes))
            counts[title] = {name: sum(part[name] for part in parts) for name in RULES}
            sys.stderr.write(f"{title}: {counts[title]}\n")
        steps = drift_table(pool, given.repetitions)
    text = f"{_METHOD.read_text(encoding='utf-8')}\n{table(counts, given.repetitions)}{_STEPS}{steps}"
    given.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
