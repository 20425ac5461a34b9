"""The charts of a history: each metric run by run, with its levels, its baseline and its pinned baseline."""

from collections.abc import Collection, Iterable, Sequence

from bench.core.history.change_points import ChangePoint
from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.report.long_term import LongTermCurve
from bench.core.report.trend_page import MetricHistory, TrendPage
from bench.core.report.trend_wording import commit
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric, tier_name
from bench.core.values import wording
from bench.core.verdict.success import SUCCESS
from bench.render.document.table import Table
from bench.render.html.charts import Chart, Layer, Line, Mark, format_value, make_table

SPARK_WIDTH = 160
SPARK_HEIGHT = 32
_SPARK_MARGIN = 3
"""Space for the dot of the newest run."""
_TABLE_ROWS = 20
"""Approximate number of rows in the table of a chart of all runs."""
_LEAST_REACH = 0.2
"""A small line shows at least 20 % below and above its middle, so that noise looks small."""


def deciding_charts(page: TrendPage) -> tuple[Chart, ...]:
    """Return the charts of the deciding metrics."""
    return _charts(page, {Part.DECIDES})


def tier_charts(page: TrendPage) -> tuple[Chart, ...]:
    """Return the charts of the tiers."""
    return _charts(page, {Part.LOCATES, Part.EXPLAINS})


def long_term_charts(page: TrendPage) -> tuple[Chart, ...]:
    """Return the charts of all comparable runs."""
    return tuple(map(_long_term_chart, page.long_term))


def _long_term_chart(curve: LongTermCurve) -> Chart:
    row = metric(curve.key)
    unit = "share" if curve.key == SUCCESS else row.unit
    title = f"{row.label.capitalize()}, all comparable runs"
    lines = (
        Line("highest of a group", "quiet", curve.highest, "edge"),
        Line("lowest of a group", "quiet", curve.lowest, "edge"),
        Line("median of a group", "c0", curve.middle),
    )
    layer = Layer(curve.at_s, lines)
    groups = len(curve.at_s)
    return Chart(
        title=title,
        text=f"{curve.runs} runs as measured, in {groups} groups of neighbours; their levels are not judged.",
        across="date",
        unit=unit,
        layers=(layer,),
        table=make_table(
            f"{title}, group by group", ("first run", "date"), layer, unit, groups // _TABLE_ROWS
        ),
        from_zero=False,
    )


def _charts(page: TrendPage, parts: Collection[Part]) -> tuple[Chart, ...]:
    charts = []
    for history in page.metrics:
        if metric(history.key).part in parts:
            charts.append(_chart(page, history))
    return tuple(charts)


def run_times(page: TrendPage) -> tuple[float, ...]:
    """Return the start of each run in seconds since 1970, at least one second after the previous one."""
    times_s: list[float] = []
    for run in page.runs:
        start_s = float(round(run.started_at.timestamp()))
        times_s.append(max(start_s, times_s[-1] + 1.0) if times_s else start_s)
    return tuple(times_s)


def spark_points(values: Sequence[float | None]) -> str:
    """Return values as the points of a small line, `x,y x,y …`; None has no point."""
    low, high = _reach([value for value in values if value is not None])
    height = high - low or 1.0
    step = (SPARK_WIDTH - 2 * _SPARK_MARGIN) / max(1, len(values) - 1)
    points = []
    for index, value in enumerate(values):
        if value is not None:
            x = _SPARK_MARGIN + index * step
            share = (value - low) / height
            y = SPARK_HEIGHT - _SPARK_MARGIN - share * (SPARK_HEIGHT - 2 * _SPARK_MARGIN)
            points.append(f"{x:.1f},{y:.1f}")
    return " ".join(points)


def _reach(values: Sequence[float]) -> tuple[float, float]:
    lowest = min(values)
    highest = max(values)
    middle = (lowest + highest) / 2
    half = max((highest - lowest) / 2, _LEAST_REACH * middle)
    return middle - half, middle + half


def _chart(page: TrendPage, history: MetricHistory) -> Chart:
    row = metric(history.key)
    tier = tier_name(history.key)
    unit = "share" if history.key == SUCCESS else row.unit
    title = f"Tier {tier}" if tier else row.label.capitalize()
    times_s = run_times(page)
    return Chart(
        title=title,
        text=" ".join(_text(page, history)),
        across="date",
        unit=unit,
        layers=(Layer(times_s, tuple(_lines(page, history))),),
        table=_table(f"{title}, run by run", page, history, unit),
        marks=tuple(_mark(times_s, change) for change in history.change_points),
        from_zero=False,
    )


def _lines(page: TrendPage, history: MetricHistory) -> Iterable[Line]:
    count = len(page.runs)
    band = history.band
    if band is not None:
        runs = wording.counted(band.runs, "run")
        yield Line(f"{runs} of the baseline, highest", "quiet", [band.high] * count, "edge")
        yield Line(f"{runs} of the baseline, lowest", "quiet", [band.low] * count, "edge")
    if history.pinned is not None:
        yield Line("pinned baseline", "c1", [history.pinned] * count, "dashed")
    yield Line("a run", "quiet", history.values, "dots")
    yield Line("level", "c0", history.levels, "step")


def _text(page: TrendPage, history: MetricHistory) -> Iterable[str]:
    unit = metric(history.key).unit
    if not history.change_points:
        count = len(history.values) - history.values.count(None)
        enough = count >= MIN_TREND_RUNS
        yield (
            "No change of the level detected." if enough else "Too few runs to detect a change of the level."
        )
    for change in history.change_points:
        direction = "Worse" if change.worse else "Better"
        values = f"{wording.value(change.before, unit)} → {wording.value(change.after, unit)}"
        yield f"{direction} since {change.started_at:%Y-%m-%d}, {_commits(change)}: {values}."
    if history.pinned is not None and page.trend.pinned_at is not None:
        yield f"The pinned baseline is of {page.trend.pinned_at:%Y-%m-%d}."


def _commits(change: ChangePoint) -> str:
    if change.commit is None or change.last_commit is None:
        return "commits unknown"
    if change.commit == change.last_commit:
        return f"at commit {commit(change.commit)}"
    return f"between commits {commit(change.last_commit)} and {commit(change.commit)}"


def _mark(times_s: Sequence[float], change: ChangePoint) -> Mark:
    tone = "good"
    if change.worse:
        tone = "bad" if change.unresolved else "quiet"
    return Mark(times_s[change.position], tone)


def _table(title: str, page: TrendPage, history: MetricHistory, unit: str) -> Table:
    """Return the runs, the newest one first."""
    rows = []
    for run, value, level in zip(page.runs, history.values, history.levels, strict=True):
        moment = f"{run.started_at:%Y-%m-%d %H:%M}"
        rows.append((moment, commit(run.commit), format_value(value, unit), format_value(level, unit)))
    return Table(title, ("run", "commit", "value", "level"), tuple(reversed(rows)))
