"""Judge the runs of each row by the committed baseline, and in pairs with unchanged runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bench.core.run.result import RunResult
from bench.core.verdict.assess import assess
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Comparison, compare
from bench.core.verdict.levels import accept
from bench.core.verdict.noise import Noise
from benchmarks.verdicts.sequence import judge_pairs

from .rows import BASELINE, SAME, neighbour

_MOST_PAIRS = 12


@dataclass(frozen=True, slots=True)
class Measured:
    """The measured runs."""

    rows: Mapping[str, Mapping[int, RunResult]]
    """Valid runs by row and number."""
    invalid: Mapping[str, int]
    """Number of other runs by row."""


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """All verdicts on one version."""

    title: str
    """Name of the version."""
    checks: list[Comparison] = field(default_factory=list)
    """Comparisons with the committed baseline."""
    pairs: list[Comparison] = field(default_factory=list)
    """Comparisons in pairs."""
    used: list[int] = field(default_factory=list)
    """Number of pairs of each of them."""
    invalid: int = 0
    """Number of runs that were not valid."""


def judge_rows(measured: Measured) -> list[JudgedRow]:
    """Judge every row that has runs; the baseline's own runs are not judged."""
    if not measured.rows[BASELINE]:
        return []
    baseline, noise = _accept_all([*measured.rows[BASELINE].values()])
    judged: list[JudgedRow] = []
    for title, runs in measured.rows.items():
        if title == BASELINE or not runs:
            continue
        row = JudgedRow(title, invalid=measured.invalid[title])
        ordered = [*runs.values()]
        for place in range(len(ordered)):
            row.checks.append(_check(ordered, place, baseline, noise))
        _judge_in_pairs(row, *_sides(title, measured))
        judged.append(row)
    return judged


def _accept_all(runs: Sequence[RunResult]) -> tuple[Baseline, Noise]:
    baseline: Baseline | None = None
    for run in runs:
        baseline = accept(baseline, run, reason="usual", by="nobody", at=datetime.now(UTC))
    if baseline is None:
        raise ValueError("there is no run for the baseline")
    return baseline, assess(runs)


def _check(runs: Sequence[RunResult], number: int, baseline: Baseline, noise: Noise) -> Comparison:
    """Judge a run as `bench check` does; the next run of the same row confirms what looks worse."""
    alone = compare(runs[number], baseline, noise=noise)
    if not alone.suspect or len(runs) == 1:
        return alone
    again = runs[(number + 1) % len(runs)]
    return compare(runs[number], baseline, again, noise)


def _sides(title: str, measured: Measured) -> tuple[list[RunResult], list[RunResult]]:
    """Return the base and head runs of a row: each head run with an unchanged run that was measured near."""
    unchanged = measured.rows[SAME]
    base: list[RunResult] = []
    head: list[RunResult] = []
    for number, run in measured.rows[title].items():
        if title == SAME and number % 2 == 0:
            continue
        near = number - 1 if title == SAME else neighbour(title, number)
        if near in unchanged:
            base.append(unchanged[near])
            head.append(run)
    return base, head


def _judge_in_pairs(row: JudgedRow, base: Sequence[RunResult], head: Sequence[RunResult]) -> None:
    """Judge one comparison from each pair on; after the last pair follows the first."""
    count = len(base)
    for first in range(count):
        places = [(first + step) % count for step in range(min(count, _MOST_PAIRS))]
        judged = judge_pairs((base[place], head[place]) for place in places)
        if judged is not None:
            row.pairs.append(judged[0])
            row.used.append(judged[1])
