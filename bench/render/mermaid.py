"""A chart in Markdown that GitHub draws: the time of each tier, compared with the baseline.

Grammar: https://mermaid.js.org/syntax/xyChart
"""

import math
import re

from bench.core.report.report import Report
from bench.core.samples.metric import Part
from bench.core.samples.metrics import tier_name
from bench.core.verdict.verdict import Verdict

_FEWEST_TIERS = 2
_MOST_TIERS = 12
"""More labels would overlap."""
_LONGEST_NAME = 30
_LONGEST_TITLE = 90
_UNSAFE = re.compile(r"[^A-Za-z0-9 ._-]")
"""Characters that may end a string, a line or a block of code."""
_TITLE = "Where the time goes - bars are this run and the line is {}"
"""Two rows of bars would cover each other, so the baseline is a line."""


def tiers_chart(report: Report) -> str:
    """Return the chart as a block of Markdown that ends in a newline.

    The chart is empty unless a tier became slower or faster and there are at least two tiers.
    """
    changed = False
    tiers: list[tuple[str, float, float]] = []
    for row in report.comparison.metrics:
        if row.part is Part.LOCATES and row.verdict in {Verdict.WORSE, Verdict.BETTER}:
            changed = True
        name = tier_name(row.key)
        if name is not None and row.base is not None and row.head is not None:
            tiers.append((name, row.base, row.head))
    if not changed or len(tiers) < _FEWEST_TIERS:
        return ""
    tiers.sort(key=lambda tier: -max(tier[1], tier[2]))
    return _chart(tiers[:_MOST_TIERS], report.comparison.base_name or "the baseline")


def _chart(tiers: list[tuple[str, float, float]], other: str) -> str:
    names = []
    base = []
    head = []
    longest_ms = 0.0
    for name, base_ms, head_ms in tiers:
        names.append(_quote(name, _LONGEST_NAME))
        base.append(_number(base_ms))
        head.append(_number(head_ms))
        longest_ms = max(longest_ms, base_ms, head_ms)
    lines = (
        "```mermaid",
        "xychart-beta",
        f"    title {_quote(_TITLE.format(other), _LONGEST_TITLE)}",
        f"    x-axis [{', '.join(names)}]",
        f'    y-axis "ms" 0 --> {math.ceil(1.1 * longest_ms)}',
        f"    bar [{', '.join(head)}]",
        f"    line [{', '.join(base)}]",
        "```",
    )
    return "\n".join(lines) + "\n"


def _quote(text: str, longest: int) -> str:
    return f'"{_UNSAFE.sub("_", text)[:longest]}"'


def _number(value_ms: float) -> str:
    return f"{max(0.0, value_ms):.1f}"
