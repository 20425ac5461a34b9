"""Badges of the examples, as files."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bench.render.badge import BadgeValue, render_badge, run_badge
from benchmarks.pictures.examples import RUNS


class ShownBadge(NamedTuple):
    """A badge in the documentation."""

    run: str
    """Name of the example."""
    value: BadgeValue = BadgeValue.VERDICT


BADGES: Mapping[str, ShownBadge] = {
    "badge-fail.svg": ShownBadge("page"),
    "badge-pass.svg": ShownBadge("page-pass"),
    "badge-tolerated.svg": ShownBadge("page-tolerated"),
    "badge-cannot-tell.svg": ShownBadge("page-cannot-tell"),
    "badge-invalid.svg": ShownBadge("page-invalid"),
    "badge-safe-load.svg": ShownBadge("capacity", BadgeValue.SAFE_LOAD),
    "badge-p95.svg": ShownBadge("page-pass", BadgeValue.P95),
}


def draw_badge(name: str) -> str:
    """Return a badge as SVG."""
    shown = BADGES[name]
    report, _ = RUNS[shown.run]()
    badge = run_badge(report, shown.value)
    if badge is None:
        raise ValueError(f"{shown.run} has no {shown.value}")
    return render_badge(badge)


def write_badges(pictures: Path) -> None:
    """Write each badge."""
    for name in BADGES:
        (pictures / name).write_text(draw_badge(name), encoding="utf-8")
