"""The table of the embedded stack as Markdown."""

import statistics
from collections import Counter
from collections.abc import Sequence

from bench.core.report.sentences import explaining_tiers
from bench.core.samples.metrics import tier_name
from bench.core.values import wording
from bench.core.verdict.compare import Comparison, Decision

from .judge import JudgedRow

_SHOWN = (Decision.FAIL, Decision.PASS, Decision.INCONCLUSIVE)
_HEAD = ("", "checks", "failed", "passed", "cannot tell", "invalid", "response time", "first tier")
_PAIRED = ("comparisons in pairs", "failed", "passed", "cannot tell", "pairs")


def table(rows: Sequence[JudgedRow]) -> str:
    """Return the counts of all rows as Markdown."""
    heads = (*_HEAD, *_PAIRED)
    lines = [f"| {' | '.join(heads)} |".replace("|  |", "| |"), f"| :--- |{' ---: |' * (len(heads) - 1)}"]
    lines += [_line(row) for row in rows]
    return "\n".join(lines) + "\n"


def _line(row: JudgedRow) -> str:
    changes: list[float] = []
    for check in row.checks:
        for metric in check.metrics:
            if metric.key == "e2e_ms" and metric.change_ratio is not None:
                changes.append(metric.change_ratio)
    cells = [
        row.title,
        *_counts(row.checks),
        str(row.invalid),
        wording.change(statistics.median(changes) if changes else None),
        _tiers(row.checks) or wording.DASH,
        *_counts(row.pairs),
        f"{statistics.mean(row.used):.1f}" if row.used else wording.DASH,
    ]
    return f"| {' | '.join(cells)} |"


def _counts(comparisons: Sequence[Comparison]) -> list[str]:
    """Return the number of comparisons, and the number with each decision."""
    decisions = Counter(comparison.decision for comparison in comparisons)
    return [str(len(comparisons)), *(str(decisions[decision]) for decision in _SHOWN)]


def _tiers(checks: Sequence[Comparison]) -> str:
    """Return the tiers that failed checks name first, with their number."""
    tiers: Counter[str | None] = Counter()
    for check in checks:
        slower = explaining_tiers(check.metrics)
        if check.decision is Decision.FAIL and slower:
            tiers[tier_name(slower[0].key)] += 1
    return ", ".join(f"`{tier}` {count}" for tier, count in sorted(tiers.items(), key=str))
