"""A picture in Markdown, where GitHub draws it: which tier takes how much of the time, beside the baseline.

Mermaid's grammar: https://mermaid.js.org/syntax/xyChart
"""

import math
import re

from bench.core.report.report import Report
from bench.core.samples.metric import Part
from bench.core.samples.metrics import tier_name
from bench.core.verdict.verdict import Verdict

_MOST = 12  # tiers; more labels would stand on each other
_LONGEST = 30  # characters of a name
# All that a name may be made of: nothing here ends a string, a line or a block of code.
_OTHER = re.compile(r"[^A-Za-z0-9 ._-]")
# Two rows of bars would cover each other, so one of them is a line.
_TITLE = "Where the time goes - bars are this run and the line is {}"


def tiers_chart(report: Report) -> str:
    """The chart as a block of Markdown that ends in a newline; empty where it would say nothing.

    It says something where a tier became slower or faster, and there is more than one.
    """
    tiers = [
        (name, each.base, each.head)
        for each in report.comparison.metrics
        if (name := tier_name(each.key)) is not None and each.base is not None and each.head is not None
    ]
    moved = any(
        each.part is Part.LOCATES and each.verdict in {Verdict.REGRESSED, Verdict.IMPROVED}
        for each in report.comparison.metrics
    )
    shown = sorted(tiers, key=lambda tier: -max(tier[1], tier[2]))[:_MOST]
    if not moved or len(shown) < 2:  # noqa: PLR2004 - a single bar is a number
        return ""
    names, base_ms, head_ms = zip(*shown, strict=True)
    other = _quoted(_TITLE.format(report.comparison.base_name or "the baseline"), longest=90)
    top_ms = math.ceil(1.1 * max(*base_ms, *head_ms))
    lines = (
        "```mermaid",
        "xychart-beta",
        f"    title {other}",
        f"    x-axis [{', '.join(_quoted(name, longest=_LONGEST) for name in names)}]",
        f'    y-axis "ms" 0 --> {top_ms}',
        f"    bar [{_numbers(head_ms)}]",
        f"    line [{_numbers(base_ms)}]",
        "```",
    )
    return "\n".join(lines) + "\n"


def _quoted(text: str, *, longest: int) -> str:
    return f'"{_OTHER.sub("_", text)[:longest]}"'


def _numbers(values_ms: tuple[float, ...]) -> str:
    return ", ".join(f"{max(0.0, value):.1f}" for value in values_ms)
