"""Figures that need no script: intervals beside the rows that they belong to, and where the time goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.core.report.report import Report
from bench.core.samples.metrics import metric, tier_name
from bench.core.values import wording
from bench.core.verdict.verdict import MARGIN_RATIO, MetricComparison, Verdict

_WORSE = frozenset({Verdict.REGRESSED, Verdict.MISSING})
_TONES = 7


@dataclass(frozen=True, slots=True)
class Interval:
    """A change with its interval on the scale of its table, in per cent of the width; 50 is no change.

    Attributes:
        low: Where the interval begins.
        middle: The change.
        high: Where it ends.
        tolerated: How far the margin reaches to either side of no change.
        tone: `bad`, `good`, or `quiet`.
    """

    low: float
    middle: float
    high: float
    tolerated: float
    tone: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A tier's part of a bar, in per cent of the width."""

    tier: str
    tone: int
    start: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """Where the time of one side goes."""

    label: str
    segments: tuple[Segment, ...]


def intervals(rows: Sequence[MetricComparison]) -> tuple[Interval | None, ...]:
    """An interval for each row, all on one scale; None where it is not known."""
    sizes = [_sizes(each) for each in rows]
    reach = max((abs(size) for each in sizes if each for size in each), default=0.0) * 1.05
    return tuple(
        _interval(each, size, reach) if size and reach > 0 else None
        for each, size in zip(rows, sizes, strict=True)
    )


def where_time_goes(report: Report) -> tuple[Bar, ...]:
    """The tiers' times as a bar for the baseline, if there is one, and one for this run."""
    compared = {each.key: each for each in report.comparison.metrics if tier_name(each.key)}
    if compared:
        other = report.comparison.base_name or "baseline"
        sides = {
            other: {key: each.base for key, each in compared.items() if each.base},
            "this run": {key: each.head for key, each in compared.items() if each.head},
        }
    else:
        metrics = report.result.summary.metrics
        sides = {
            "this run": {
                key: each.typical for key, each in metrics.items() if tier_name(key) and each.typical
            }
        }
    longest = max((sum(times.values()) for times in sides.values()), default=0.0)
    if longest <= 0:
        return ()
    keys = list(dict.fromkeys(key for times in sides.values() for key in times))
    return tuple(_bar(label, times, keys, longest) for label, times in sides.items() if times)


def _sizes(each: MetricComparison) -> tuple[float, float, float, float] | None:
    """Low, change, high and what is tolerated: milliseconds of tiers, else shares of the baseline."""
    base, low, high = each.base, each.low_ratio, each.high_ratio
    if not base or each.change_ratio is None or low is None or high is None:
        return None
    scale = base if tier_name(each.key) else 1.0
    start = metric(each.key).smallest_change
    margin_ratio = MARGIN_RATIO if each.margin_ratio is None else each.margin_ratio
    tolerated_ratio = max(start, margin_ratio * (base + start)) / base
    return scale * low, scale * each.change_ratio, scale * high, scale * tolerated_ratio


def _interval(each: MetricComparison, sizes: tuple[float, float, float, float], reach: float) -> Interval:
    low, middle, high = (round(50.0 + 50.0 * size / reach, 1) for size in sizes[:3])
    tone = "bad" if each.verdict in _WORSE else "good" if each.verdict is Verdict.IMPROVED else "quiet"
    return Interval(low, middle, high, round(50.0 * sizes[3] / reach, 1), tone)


def _bar(label: str, times_ms: Mapping[str, float], keys: Sequence[str], longest_ms: float) -> Bar:
    segments, start = [], 0.0
    for number, key in enumerate(keys):
        time_ms = times_ms.get(key, 0.0)
        width = 100.0 * time_ms / longest_ms
        if time_ms > 0:
            tier = metric(key).label
            text = f"{tier} {wording.duration(time_ms)}"
            segments.append(Segment(tier, number % _TONES, round(start, 2), round(width, 2), text))
        start += width
    return Bar(label, tuple(segments))
