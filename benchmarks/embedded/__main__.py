"""`make bench-embedded`: checks of the embedded stack as it is, and made worse by known amounts.

What was measured is kept in a folder, so that it can be stopped and gone on with, and judged again.
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
from bench.core.verdict.baseline import Baseline, accept
from bench.core.verdict.compare import Comparison, Decision, compare
from bench.core.verdict.noise import Noise
from bench.measure.run.run import Conditions, Listener, measure
from bench.store import scenarios, stacks

_ROOT = Path(__file__).parents[2]
_METHOD = Path(__file__).with_name("method.md")
_BASE, _SAME = "baseline", "no change"
# Title: what is made worse, and how many checks.
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
    """The runs of one scenario, measured when they are first asked for.

    Args:
        folder: Where they are kept.
        scenario: Its name.
    """

    def __init__(self, folder: Path, scenario: str) -> None:
        self._folder = folder
        self._spec, self._stack = scenarios.load(scenario), stacks.load("embedded")
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, name: str, injections: Mapping[str, float]) -> RunResult:
        """The run of this name."""
        kept = self._folder / f"{name.replace(' ', '-')}.json"
        if not kept.exists():
            listener = Listener(progress=lambda _: None, note=_say, warning=_say)
            conditions = Conditions(injections=injections, shared=False)
            result, _ = measure(self._spec, self._stack, conditions, listener)
            kept.write_text(result.model_dump_json(), encoding="utf-8")
            sys.stderr.write(f"{name}: {'; '.join(result.validity.reasons) or 'valid'}\n")
        return RunResult.model_validate_json(kept.read_text(encoding="utf-8"))


def expected(runs: Runs) -> tuple[Baseline, Noise]:
    """Ten accepted runs, and what they say of noise."""
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
    """One check, as `bench check` makes it: what looks worse is measured again."""
    injections = ROWS[title][0]
    first = runs.run(f"{title} {number}", injections)
    alone = compare(first, baseline, noise=noise)
    if not alone.suspect:
        return alone
    again = runs.run(f"{title} {number} again", injections)
    return compare(first, baseline, again, noise)


def row(title: str, found: Sequence[Comparison]) -> str:
    """What was said of the checks of one row, as Markdown."""
    shown = (Decision.FAIL, Decision.PASS, Decision.INCONCLUSIVE, Decision.INVALID)
    counts = [sum(each.decision is decision for each in found) for decision in shown]
    changes = [
        each.change_ratio
        for comparison in found
        for each in comparison.metrics
        if each.key == "e2e_ms" and each.change_ratio is not None
    ]
    failed = [each.slower_tiers() for each in found if each.decision is Decision.FAIL]
    tiers = [tier_name(slower[0].key) for slower in failed if slower]
    places = [f"`{tier}` {count}" for tier, count in sorted(Counter(tiers).items(), key=str)]
    cells = [
        title,
        *map(str, (len(found), *counts)),
        wording.change(statistics.median(changes) if changes else None),
        ", ".join(places) or wording.DASH,
    ]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Measure what is not there yet, judge everything, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedded", description=__doc__)
    parser.add_argument("--scenario", default="quick")
    parser.add_argument("--runs", type=Path, default=_ROOT / "results" / "embedded")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs" / "explanation" / "embedded.md")
    given = parser.parse_args()
    runs = Runs(given.runs, given.scenario)
    baseline, noise = expected(runs)
    # In a mixed order, so that an hour of a busy machine does not fall on one row.
    order = [(title, number) for title, (_, count) in ROWS.items() for number in range(count)]
    random.Random(_SEED).shuffle(order)
    found: dict[str, list[Comparison]] = {title: [] for title in ROWS}
    for title, number in order:
        found[title].append(check(runs, title, number, baseline, noise))
    lines = [
        "| | checks | failed | passed | inconclusive | invalid | response time | first tier |",
        "| :--- | ---: | ---: | ---: | ---: | ---: | ---: | :--- |",
    ]
    lines += [row(title, each) for title, each in found.items()]
    text = _METHOD.read_text(encoding="utf-8") + "\n" + "\n".join(lines) + "\n"
    given.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
