"""The page of several runs side by side."""

from collections.abc import Iterator
from itertools import repeat
from operator import attrgetter

from markupsafe import Markup

from bench.core.report.side_by_side import SideBySide
from bench.core.report.side_curves import SideCurves
from bench.render.document.format import SideBySideInput
from bench.render.document.side_by_side import make_side_by_side_document
from bench.render.html.assets import Assets, content_security_policy, load_assets
from bench.render.html.parts import ENVIRONMENT, embed_charts
from bench.render.html.raw_report import embed_report
from bench.render.html.side_by_side.drawings import (
    bar_height,
    draw_differences,
    draw_safe_loads,
    draw_tiers,
    tier_table,
)
from bench.render.html.side_by_side.front import draw_front
from bench.render.html.side_by_side.overlays import draw_overlays
from bench.render.html.side_by_side.run_table import group_conditions, make_opening, make_run_table

_STYLE = "side_by_side"
_OPEN_ROWS = 15
"""Rows of differences that are not folded."""


def render_side_by_side(side: SideBySideInput) -> Iterator[str]:
    """Yield the page of several runs."""
    yield render_side_by_side_page(side.report, side.curves()) + "\n"


def render_side_by_side_page(side: SideBySide, curves: SideCurves, assets: Assets | None = None) -> str:
    """Return the page of several runs.

    Args:
        side: The runs and their differences.
        curves: The curves of the runs.
        assets: Style and script; None for those of the package.
    """
    used = assets or load_assets(_STYLE)
    charts = draw_overlays(side, curves)
    fronts = [*map(draw_front, repeat(side), reversed(side.fronts))]  # the cost first
    document = make_side_by_side_document(side)
    data = {}
    for name, chart in charts.items():
        data[f"chart-{name}"] = chart
    return ENVIRONMENT.get_template("side_by_side.html.j2").render(
        title=f"Runs side by side: {side.headline}",
        side=side,
        opening=make_opening(side, document),
        document=document,
        run_table=make_run_table(side, document),
        conditions=group_conditions(side),
        curves=charts,
        missing=_find_missing(side, curves),
        fronts=fronts,
        drawings=draw_differences(side),
        bar_height=bar_height(side),
        open_rows=_OPEN_ROWS,
        tiers=draw_tiers(side),
        tier_table=tier_table(side),
        safe_loads=draw_safe_loads(side),
        raw=embed_report(side.model_dump(mode="json")),
        style=Markup(used.style),  # noqa: S704 - the package's own files
        script=Markup(used.script),  # noqa: S704 - likewise
        policy=content_security_policy(used),
        charts=embed_charts(data),
    )


def _find_missing(side: SideBySide, curves: SideCurves) -> tuple[str, ...]:
    """Return the letters of the runs that have no curve over time, because their requests are not stored."""
    drawn = set[str]()
    if curves.latency_ms is not None:
        drawn.update(map(attrgetter("label"), curves.latency_ms.curves))
    return tuple(run.letter for run in side.runs if not run.is_search and run.letter not in drawn)
