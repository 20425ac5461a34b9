"""The charts of a history: each metric run by run, with its levels, its baseline and its pinned baseline."""

from collections.abc import Collection, Iterable

from bench.core.history.change_points import ChangePoint
from bench.core.history.history import HistoryPoint
from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.report.latest_change import latest_change
from bench.core.report.long_term import LongTermCurve
from bench.core.report.run_costs import tokens_per_cpu_second
from bench.core.report.site_entry import describe_commit
from bench.core.report.trend_page import MetricHistory, TrendPage
from bench.core.report.trend_wording import commit
from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.samples.metric import Part
from bench.core.samples.metrics import RESPONSE_TIME, metric, tier_name
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.success import SUCCESS
from bench.render.document.table import Table
from bench.render.html.charts import Chart, Layer, Line, Mark, format_value, make_table

_TABLE_ROWS = 20
"""Approximate number of rows in the table of a chart of all runs."""
_NEWEST_ROWS = 20
"""Rows in the table of a cost or a tier."""


def deciding_charts(page: TrendPage) -> tuple[Chart, ...]:
    """Return the charts of the deciding metrics."""
    return _charts(page, {Part.DECIDES})


def tier_charts(page: TrendPage) -> tuple[Chart, ...]:
    """Return the charts of the tiers."""
    return _charts(page, {Part.LOCATES, Part.EXPLAINS})


def cost_charts(page: TrendPage) -> tuple[Chart, ...]:
    """Return the charts of the costs: of each service, and the output for the processor time of all."""
    charts = _charts(page, {Part.COSTS})
    efficiency = _efficiency_chart(page)
    return charts if efficiency is None else (*charts, efficiency)


def _efficiency_chart(page: TrendPage) -> Chart | None:
    """Return the chart of the tokens per second of processor time; None without such values."""
    values = tuple(map(tokens_per_cpu_second, page.runs))
    if not any(values):
        return None
    title = "Tokens per second of processor time"
    layer = Layer(run_times(page), (Line("a run", "c0", values),))
    return Chart(
        title=title,
        text="Output tokens for each second of processor time of all services; not judged.",
        across="date",
        unit="1",
        layers=(layer,),
        table=make_table(
            f"{title}, run by run", ("run", "date"), layer, "1", max(1, len(values) // _NEWEST_ROWS)
        ),
        from_zero=False,
    )


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
    """Return the charts of some parts: metrics that fail the trend, the response time, then the others."""
    histories: list[MetricHistory] = []
    for history in page.metrics:
        if metric(history.key).part in parts:
            histories.append(history)
    histories.sort(key=lambda history: (history.key not in page.trend.worse, history.key != RESPONSE_TIME))
    return tuple(_chart(page, history) for history in histories)


def run_times(page: TrendPage) -> tuple[float, ...]:
    """Return the start of each run in seconds since 1970, at least one second after the previous one."""
    times_s: list[float] = []
    for run in page.runs:
        start_s = float(round(run.started_at.timestamp()))
        times_s.append(max(start_s, times_s[-1] + 1.0) if times_s else start_s)
    return tuple(times_s)


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
        marks=tuple(_mark(page, times_s[change.position], change) for change in history.change_points),
        from_zero=False,
    )


def _lines(page: TrendPage, history: MetricHistory) -> Iterable[Line]:
    count = len(page.runs)
    band = history.band
    if history.key in SAFE_LOADS:  # each search has an interval of its own
        highest: list[float | None] = []
        lowest: list[float | None] = []
        for run in page.runs:
            load = run.safe_load
            highest.append(load.interval.high if load else None)
            lowest.append(load.interval.low if load else None)
        yield Line("interval of each search, highest", "quiet", highest, "edge")
        yield Line("interval of each search, lowest", "quiet", lowest, "edge")
    elif band is not None:
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
    in_headline = _told_by_headline(page)
    for change in history.change_points:
        if change is in_headline:
            yield "Each dot is a run, the line is its level."
            continue
        direction = "Worse" if change.worse else "Better"
        values = f"{wording.value(change.before, unit)} → {wording.value(change.after, unit)}"
        yield f"{direction} since {change.started_at:%Y-%m-%d}, {_commits(change)}: {values}."
    if history.pinned is not None and page.trend.pinned_at is not None:
        pinned = f"pinned baseline is of {page.trend.pinned_at:%Y-%m-%d}"
        if history.band is None:
            yield f"The {pinned}."
        else:
            yield f"The baseline is the newest accepted runs; the {pinned} and stays until you pin again."


def _told_by_headline(page: TrendPage) -> ChangePoint | None:
    change = latest_change(page.trend) if page.trend.decision is Decision.FAIL else None
    return None if change is None else change.point


def _commits(change: ChangePoint) -> str:
    if change.commit is None or change.last_commit is None:
        return "commits unknown"
    if change.commit == change.last_commit:
        return f"at commit {commit(change.commit)}"
    return f"between commits {commit(change.last_commit)} and {commit(change.commit)}"


def _mark(page: TrendPage, at_s: float, change: ChangePoint) -> Mark:
    tone = "good"
    if change.worse:
        tone = "bad" if change.unresolved else "quiet"
    return Mark(at_s, tone, "\n".join(_mark_lines(page, change)))


def _mark_lines(page: TrendPage, change: ChangePoint) -> Iterable[str]:
    """Yield the change, the first commit of the new level, and the last one of the old level."""
    unit = metric(change.key).unit
    values = f"{wording.value(change.before, unit)} → {wording.value(change.after, unit)}"
    direction = "Worse" if change.worse else "Better"
    yield f"{direction} since {change.started_at:%Y-%m-%d}: {values} ({wording.change(change.change_ratio)})"
    yield f"First run: {commit(change.commit)}{_words(page.runs[change.position])}"
    if change.last_commit != change.commit:
        last = next(filter(lambda run: run.run_id == change.last_run_id, page.runs))
        yield f"Last run before: {commit(change.last_commit)}{_words(last)}"


def _words(run: HistoryPoint) -> str:
    words = describe_commit(run)
    return "" if words == wording.DASH else f", {words}"


def _table(title: str, page: TrendPage, history: MetricHistory, unit: str) -> Table:
    """Return the runs, the newest one first: all of a deciding metric, and the newest of the others.

    The CSV files next to the page have all values.
    """
    most = len(page.runs) if metric(history.key).part is Part.DECIDES else _NEWEST_ROWS
    if most < len(page.runs):
        title += f": the newest {most}"
    rows = []
    for place in range(len(page.runs) - 1, max(-1, len(page.runs) - 1 - most), -1):
        run = page.runs[place]
        values = (format_value(history.values[place], unit), format_value(history.levels[place], unit))
        rows.append((f"{run.started_at:%Y-%m-%d %H:%M}", commit(run.commit), *values))
    return Table(title, ("run", "commit", "value", "level"), tuple(rows))
