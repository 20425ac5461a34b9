"""Bars of text that compare the time of each changed tier: the base above the head."""

from dataclasses import dataclass

from bench.core.report.headline import concerns_readers
from bench.core.report.report import Report, find_claim
from bench.core.report.sentences import compared_head, values_text
from bench.core.report.words import PROVEN
from bench.core.samples.metric import Part
from bench.core.samples.metrics import tier_name
from bench.core.values import wording
from bench.core.verdict.verdict import MetricComparison

_LONGEST = 20
"""Characters of the longest bar; with the label it fits on the screen of a phone."""
_MOST_TIERS = 5
"""Bars of more tiers would hide the largest change."""
_FULL = "█"
_PARTIAL = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
"""A character that is filled to this number of eighths."""


@dataclass(frozen=True, slots=True)
class TierBar:
    """The time of a tier in both versions."""

    tier: str
    """Name of the tier."""
    values: str
    """Both times: `30 → 78 ms`."""
    change: str
    """The change: `+48 ms`."""
    base: str
    """The bar of the base."""
    head: str
    """The bar of the head."""


def make_tier_bars(report: Report) -> tuple[TierBar, ...]:
    """Return the bars of the tiers that became slower or faster, the largest change first.

    All bars have one scale, so they show which change matters. A tier that is slower within its tolerance has
    a bar only if the first sentence names it.
    """
    shown = find_changed_tiers(report)[:_MOST_TIERS]
    longest_ms = max([0.0, *(max(row.base or 0.0, compared_head(row) or 0.0) for row in shown)])
    return tuple(_make_bar(row, longest_ms) for row in shown)


def find_changed_tiers(report: Report) -> list[MetricComparison]:
    """Return the tiers that became slower or faster and concern readers, the largest change first."""
    claim = find_claim(report)
    rows: list[MetricComparison] = []
    for row in report.comparison.metrics:
        is_tier = row.part is Part.LOCATES and tier_name(row.key) is not None
        if is_tier and row.verdict in PROVEN and concerns_readers(row, claim):
            rows.append(row)
    return sorted(rows, key=lambda row: -abs(row.change or 0.0))


def _make_bar(row: MetricComparison, longest_ms: float) -> TierBar:
    return TierBar(
        tier=wording.shorten(tier_name(row.key) or row.key),
        values=values_text(row),
        change=wording.change_ms(row.change, exact=True),
        base=_draw(row.base, longest_ms),
        head=_draw(compared_head(row), longest_ms),
    )


def _draw(value_ms: float | None, longest_ms: float) -> str:
    """Return a bar, which is never empty; a dash if the value is unknown."""
    if value_ms is None or longest_ms <= 0.0:
        return wording.DASH
    eighths = max(1, round(8 * _LONGEST * max(0.0, value_ms) / longest_ms))
    return eighths // 8 * _FULL + _PARTIAL[eighths % 8]
