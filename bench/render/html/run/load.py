"""The panel of the load: response times by load, with the ranges that meet the limits."""

from dataclasses import dataclass

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.report.capacity_prediction import describe_prediction, find_prediction
from bench.core.report.report import Report
from bench.render.document.capacity import make_capacity_document
from bench.render.document.loads import load_sentence, load_tables
from bench.render.document.table import Table
from bench.render.html.capacity_curves import draw_curves
from bench.render.html.load_curve import LoadCurve, Zone
from bench.render.html.parts import limit_rows
from bench.render.html.run.band_curves import draw_bands


@dataclass(frozen=True, slots=True)
class LoadPanel:
    """The panel of the load."""

    title: str
    """Heading."""
    sentences: tuple[str, ...]
    """The answer, or what other loads need."""
    notes: tuple[str, ...]
    """What happens beyond the safe load."""
    zones: tuple[Zone, ...]
    """Legend of the ranges, which all drawings have."""
    has_safe_load: bool
    """The drawings show a safe load."""
    curves: tuple[LoadCurve, ...]
    """The drawings."""
    tables: tuple[Table, ...]
    """The same as tables."""


def make_load(report: Report) -> LoadPanel | None:
    """Return the panel; None if the run has one load."""
    capacity = report.result.capacity
    document = make_capacity_document(report.result)
    if capacity is not None and document is not None:
        if not capacity.trials:
            return None
        curves = draw_curves(capacity)
        return LoadPanel(
            title="What the load does",
            sentences=_list_predictions(capacity),
            notes=document.overload,
            zones=_find_zones(curves),
            has_safe_load=any(curve.safe is not None for curve in curves),
            curves=curves,
            tables=tuple(limit_rows(table) for table in (document.trials, document.tiers) if table.rows),
        )
    by_load = report.result.summary.bottleneck
    curves = draw_bands(by_load, report.result.scenario)
    tables = load_tables(by_load)
    if not curves and not tables:
        return None
    sentence = load_sentence(by_load)
    return LoadPanel(
        title="What the load does",
        sentences=(f"{sentence[:1].upper()}{sentence[1:]}.",) if sentence else (),
        notes=(),
        zones=_find_zones(curves),
        has_safe_load=False,
        curves=curves,
        tables=tuple(limit_rows(table) for table in tables if table.rows),
    )


def _list_predictions(capacity: CapacityResult) -> tuple[str, ...]:
    """Return the predictions without the one that the first screen shows."""
    first = find_prediction(capacity)
    sentences = []
    for prediction in capacity.predictions:
        if prediction is not first:
            sentences.append(describe_prediction(prediction, capacity.safe_load))
    return tuple(sentences)


def _find_zones(curves: tuple[LoadCurve, ...]) -> tuple[Zone, ...]:
    return curves[0].zones if curves else ()
