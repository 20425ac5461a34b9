"""`make bench-embedded`: check the embedded stack without a change and with known slowdowns.

Each run is stored in a folder, so you can stop the program, continue it later, and judge the runs again.
"""

import argparse
import random
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.core.run.result import RunResult
from bench.core.samples.metrics import tier_name
from bench.core.values import wording
from bench.core.verdict.assess import assess
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Comparison, Decision, compare
from bench.core.verdict.levels import accept
from bench.core.verdict.noise import Noise
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.run import measure
from bench.store import scenarios, stacks

_ROOT = Path(__file__).parents[2]
_METHOD = Path(__file__).with_name("method.md")
_BASE, _SAME = "baseline", "no change"
# Title: injected slowdowns, and the number of checks.
ROWS: dict[str, tuple[Mapping[str, float], int]] = {
    _SAME: ({}, 40),
    "the model 5 % slower": ({"model.slowdown": 1.05}, 10),
    "the model 10 % slower": ({"model.slowdown": 1.10}, 10),
    "the model 20 % slower": ({"model.slowdown": 1.20}, 10),
    "20 ms more in the backend": ({"backend.delay_ms": 20.0}, 10),
}
_BASELINE_RUNS = 10
_SEED = 1


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


class Runs:
    """The runs of one scenario; each is measured when it is first requested.

    Args:
        folder: Folder of the stored runs.
        scenario: Name of the scenario.
    """

    def __init__(self, folder: Path, scenario: str) -> None:
        self._folder = folder
        self._spec, self._stack = scenarios.load(scenario), stacks.load("embedded")
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, name: str, injections: Mapping[str, float]) -> RunResult:
        """Return the run of this name."""
        kept = self._folder / f"{name.replace(' ', '-')}.json"
        if not kept.exists():
            listener = Listener(progress=lambda _: None, note=_say, warning=_say)
            conditions = Conditions(injections=injections, shared=False)
            result, _ = measure(self._spec, self._stack, conditions, listener)
            kept.write_text(result.model_dump_json(), encoding="utf-8")
            sys.stderr.write(f"{name}: {'; '.join(result.validity.reasons) or 'valid'}\n")
        return RunResult.model_validate_json(kept.read_text(encoding="utf-8"))


def expected(runs: Runs) -> tuple[Baseline, Noise]:
    """Return a baseline of ten runs and its noise measurement."""
    baseline: Baseline | None = None
    made: list[RunResult] = []
    number = 0
    while baseline is None or len(baseline.runs) < _BASELINE_RUNS:
        result = runs.run(f"{_BASE} {number}", {})
        number += 1
        if result.validity.valid:
            made.append(result)
            baseline = accept(baseline, result, reason="usual", by="nobody", at=datetime.now(UTC))
    return baseline, assess(made)


def check(runs: Runs, title: str, number: int, baseline: Baseline, noise: Noise) -> Comparison:
    """Make one check as `bench check` does, with a confirmation run if a metric looks worse."""
    injections = ROWS[title][0]
    first = runs.run(f"{title} {number}", injections)
    alone = compare(first, baseline, noise=noise)
    if not alone.suspect:
        return alone
    again = runs.run(f"{title} {number} again", injections)
    return compare(first, baseline, again, noise)


def row(title: str, checks: Sequence[Comparison]) -> str:
    """Return the counts of one row as Markdown."""
    decisions = Counter(check.decision for check in checks)
    shown = (Decision.FAIL, Decision.PASS, Decision.INCONCLUSIVE, Decision.INVALID)
    changes = []
    tiers: Counter[str | None] = Counter()
    for comparison in checks:
        changes += [metric.change_ratio for metric in comparison.metrics if metric.key == "e2e_ms"]
        slower = comparison.slower_tiers()
        if comparison.decision is Decision.FAIL and slower:
            tiers[tier_name(slower[0].key)] += 1
    known_changes = [change for change in changes if change is not None]
    places = [f"`{tier}` {count}" for tier, count in sorted(tiers.items(), key=str)]
    cells = [
        title,
        *map(str, (len(checks), *(decisions[decision] for decision in shown))),
        wording.change(statistics.median(known_changes) if known_changes else None),
        ", ".join(places) or wording.DASH,
    ]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Measure the missing runs, judge all of them, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedded", description=__doc__)
    parser.add_argument("--scenario", default="quick")
    parser.add_argument("--runs", type=Path, default=_ROOT / "results" / "embedded")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs" / "explanation" / "embedded.md")
    given = parser.parse_args()
    runs = Runs(given.runs, given.scenario)
    baseline, noise = expected(runs)
    # In a random order, so that a busy hour does not affect only one row.
    order = [(title, number) for title, (_, count) in ROWS.items() for number in range(count)]
    random.Random(_SEED).shuffle(order)
    checks: dict[str, list[Comparison]] = {title: [] for title in ROWS}
    for title, number in order:
        checks[title].append(check(runs, title, number, baseline, noise))
    lines = [
        "| | checks | failed | passed | inconclusive | invalid | response time | first tier |",
        "| :--- | ---: | ---: | ---: | ---: | ---: | ---: | :--- |",
    ]
    lines += [row(title, comparisons) for title, comparisons in checks.items()]
    text = _METHOD.read_text(encoding="utf-8") + "\n" + "\n".join(lines) + "\n"
    given.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
