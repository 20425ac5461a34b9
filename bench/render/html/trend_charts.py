"""The charts of a history: each metric run by run, with its levels, its baseline and its anchor."""

from collections.abc import Iterable, Sequence

from bench.core.history.change_points import ChangePoint
from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.report.trend_page import MetricHistory, TrendPage
from bench.core.report.trend_wording import commit
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric, tier_name
from bench.core.values import wording
from bench.core.verdict.success import SUCCESS
from bench.render.document.table import Table
from bench.render.html.charts import Chart, Layer, Line, Mark, written

SPARK_WIDTH, SPARK_HEIGHT = 160, 32
_LEAST_REACH = 0.2
_MARGIN = 3  # of a spark, for its last dot


def decides(page: TrendPage) -> tuple[Chart, ...]:
    """Charts of what decides."""
    return tuple(_chart(page, each) for each in page.metrics if metric(each.key).part is Part.DECIDES)


def tiers(page: TrendPage) -> tuple[Chart, ...]:
    """Charts of the tiers."""
    return tuple(_chart(page, each) for each in page.metrics if metric(each.key).part is not Part.DECIDES)


def places(page: TrendPage) -> tuple[float, ...]:
    """When each run was made, in seconds since 1970; of two at once the later one a second after."""
    found: list[float] = []
    for run in page.runs:
        at_s = float(round(run.started_at.timestamp()))
        found.append(max(at_s, found[-1] + 1.0) if found else at_s)
    return tuple(found)


def sparked(page: TrendPage) -> MetricHistory:
    """The metric that stands for a history in small: the response time, or success where there is none."""
    return next((each for each in page.metrics if each.key == "e2e_ms"), page.metrics[0])


def spark(course: MetricHistory) -> str:
    """A course as the points of a small line, `x,y x,y …`, run by run; the larger is further up."""
    known = [value for value in course.values if value is not None]
    low, high = _reach(known)
    height = high - low or 1.0
    step = (SPARK_WIDTH - 2 * _MARGIN) / max(1, len(course.values) - 1)
    return " ".join(
        f"{_MARGIN + place * step:.1f},{_down((value - low) / height):.1f}"
        for place, value in enumerate(course.values)
        if value is not None
    )


def _reach(values: Sequence[float]) -> tuple[float, float]:
    """From where to where a line is drawn: a fifth around its middle at least, so that noise looks small."""
    middle = (min(values) + max(values)) / 2
    half = max((max(values) - min(values)) / 2, _LEAST_REACH * middle)
    return middle - half, middle + half


def _down(share: float) -> float:
    return SPARK_HEIGHT - _MARGIN - share * (SPARK_HEIGHT - 2 * _MARGIN)


def _chart(page: TrendPage, course: MetricHistory) -> Chart:
    row, tier = metric(course.key), tier_name(course.key)
    unit = "share" if course.key == SUCCESS else row.unit
    title = f"Tier {tier}" if tier else row.label.capitalize()
    at = places(page)
    layer = Layer(at, tuple(_lines(page, course)))
    return Chart(
        title=title,
        text=" ".join(_text(page, course)),
        across="date",
        unit=unit,
        layers=(layer,),
        table=_table(f"{title}, run by run", page, course, unit),
        marks=tuple(_mark(at, each) for each in course.change_points),
        from_zero=False,
    )


def _lines(page: TrendPage, course: MetricHistory) -> Iterable[Line]:
    count = len(page.runs)
    if course.band is not None:
        runs = wording.counted(course.band.runs, "run")
        yield Line(f"{runs} of the baseline, highest", "quiet", [course.band.high] * count, "edge")
        yield Line(f"{runs} of the baseline, lowest", "quiet", [course.band.low] * count, "edge")
    if course.pinned is not None:
        yield Line("pinned", "c1", [course.pinned] * count, "dashed")
    yield Line("a run", "quiet", course.values, "dots")
    yield Line("level", "c0", course.levels, "step")


def _text(page: TrendPage, course: MetricHistory) -> Iterable[str]:
    if not course.change_points:
        known = sum(value is not None for value in course.values)
        enough = known >= MIN_TREND_RUNS
        yield "No change of its level was seen." if enough else "Too few runs to see a change of its level."
    for each in course.change_points:
        word = "Worse" if each.worse else "Better"
        unit = metric(each.key).unit
        change = f"{wording.value(each.before, unit)} → {wording.value(each.after, unit)}"
        yield f"{word} since {each.started_at:%Y-%m-%d}, {_between(each)}: {change}."
    if course.pinned is not None and page.trend.pinned_at is not None:
        yield f"The anchor is of {page.trend.pinned_at:%Y-%m-%d}."


def _between(each: ChangePoint) -> str:
    if each.commit is None or each.last_commit is None:
        return "commits unknown"
    if each.commit == each.last_commit:
        return f"at commit {commit(each.commit)}"
    return f"between commits {commit(each.last_commit)} and {commit(each.commit)}"


def _mark(at: Sequence[float], each: ChangePoint) -> Mark:
    tone = "bad" if each.unresolved else "quiet" if each.worse else "good"
    return Mark(at[each.position], tone)


def _table(title: str, page: TrendPage, course: MetricHistory, unit: str) -> Table:
    """The newest run first."""
    rows = [
        (
            f"{run.started_at:%Y-%m-%d %H:%M}",
            commit(run.commit),
            written(value, unit),
            written(level, unit),
        )
        for run, value, level in zip(page.runs, course.values, course.levels, strict=True)
    ]
    return Table(title, ("run", "commit", "value", "level"), tuple(reversed(rows)))
