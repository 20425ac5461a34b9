"""The change of a history that its row on the front page shows: when, by how much, and in which tier."""

from dataclasses import dataclass
from datetime import datetime

from bench.core.history.change_points import ChangePoint
from bench.core.history.trend import Trend
from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric, tier_name
from bench.core.values import wording
from bench.core.values.load_text import load_pair
from bench.core.verdict.success import SUCCESS
from bench.core.verdict.verdict import MetricComparison


@dataclass(frozen=True, slots=True)
class LatestChange:
    """A change of the level of a metric, in the metric's unit."""

    key: str
    """Key of the metric."""
    before: float | None
    """The old level; None if it is unknown."""
    after: float | None
    """The new level; None if it is unknown."""
    ratio: float | None
    """The change as a share of the old level; None if it is unknown."""
    is_worse: bool
    """Whether the change is for the worse."""
    point: ChangePoint | None = None
    """The change point; None for a change since the pinned baseline."""
    pinned_at: datetime | None = None
    """When the baseline was pinned; None for a change point."""

    @property
    def since(self) -> datetime | None:
        """Start of the new level, or the time of the pinned baseline."""
        return self.pinned_at if self.point is None else self.point.started_at


def latest_change(trend: Trend) -> LatestChange | None:
    """Return the worst unresolved change, else that since the pinned baseline, else the newest change.

    Only deciding metrics count, unless a tier alone fails the trend. None if no level changed.
    """
    if trend.unresolved:
        return _of_point(trend.unresolved[0])
    if trend.drifted:
        return _of_comparison(trend.drifted[0], trend.pinned_at)
    points: list[ChangePoint] = []
    for row in trend.metrics:
        if row.part is Part.DECIDES:
            points += row.change_points
    newest = max(points, key=lambda point: (point.position, point.key), default=None)
    return None if newest is None else _of_point(newest)


def grown_tiers(trend: Trend) -> tuple[ChangePoint, ...]:
    """Return the unresolved changes of tiers, the largest one in milliseconds first."""
    grown: list[ChangePoint] = []
    for row in trend.metrics:
        if tier_name(row.key):
            grown += filter(lambda point: point.unresolved, row.change_points)
    grown.sort(key=lambda point: (point.before - point.after, point.key))
    return tuple(grown)


def describe_since(trend: Trend, change: LatestChange) -> str:
    """Return since when a change lasts, and the tier that grew most: ``since 2026-02-02, in `decode```."""
    since = "since the pinned baseline"
    if change.since is not None:
        since = f"since {change.since:%Y-%m-%d}" if change.point else f"{since} of {change.since:%Y-%m-%d}"
    grown = grown_tiers(trend)
    if not grown or not change.is_worse or tier_name(change.key):
        return since
    return f"{since}, in `{tier_name(grown[0].key)}`"


def describe_change(change: LatestChange) -> str:
    """Return a change with its metric, such as `+27 % response time`."""
    tier = tier_name(change.key)
    label = f"tier `{tier}`" if tier else metric(change.key).label
    unit = metric(change.key).unit
    if change.before is not None and change.after is not None:
        if change.key in SAFE_LOADS:
            return f"{' → '.join(load_pair(change.before, change.after, unit, exact=True))} {unit}"
        if change.key == SUCCESS or change.ratio is None:
            return f"{wording.value(change.before, unit)} → {wording.value(change.after, unit)} {label}"
    return f"{wording.change(change.ratio)} {label}"


def _of_point(point: ChangePoint) -> LatestChange:
    return LatestChange(
        key=point.key,
        before=point.before,
        after=point.after,
        ratio=point.change_ratio,
        is_worse=point.worse,
        point=point,
    )


def _of_comparison(row: MetricComparison, pinned_at: datetime | None) -> LatestChange:
    return LatestChange(
        key=row.key,
        before=row.base,
        after=row.head,
        ratio=row.change_ratio,
        is_worse=True,
        pinned_at=pinned_at,
    )
