"""The history of a scenario that searches the safe load."""

from collections.abc import Sequence

from bench.core.history.history import HistoryPoint, to_history_point
from bench.core.history.trend import trend
from bench.core.report.trend_page import trend_page
from bench.core.report.trend_wording import headline
from bench.core.samples.cost_metrics import SAFE_LOAD
from bench.core.verdict.compare import Decision
from bench.core.verdict.levels import pin
from tests.factories import NOON
from tests.render.histories import board_of
from tests.searches import Interval, accept_searches, make_search

BEFORE: tuple[Interval, ...] = ((17, 16, 18), (18, 17, 19), (17, 16, 19)) * 4
AFTER: tuple[Interval, ...] = ((12, 11, 13), (12, 11, 14), (13, 12, 14)) * 4


def history(searches: Sequence[Interval | None]) -> list[HistoryPoint]:
    """A history of searches, an hour apart."""
    return [to_history_point(make_search(safe, number)) for number, safe in enumerate(searches)]


def test_a_point_has_the_safe_load_and_nothing_of_the_tried_loads() -> None:
    """Response times and resources over different loads would be change points without a change."""
    (point,) = history([(17, 15, 19)])
    assert point.figures == {SAFE_LOAD: 17.0}
    assert point.vitals is not None
    assert point.vitals.latencies == {}
    assert point.vitals.goodput_ratio is None
    assert point.vitals.breaks_at == "queue"
    assert point.safe_load is not None
    assert (point.safe_load.interval.low, point.safe_load.interval.high) == (15.0, 19.0)
    assert HistoryPoint.model_validate_json(point.model_dump_json()) == point


def test_a_lost_capacity_is_a_change_point() -> None:
    """The trend names the users before and after."""
    judged = trend(history([*BEFORE, *AFTER]))
    assert judged.decision is Decision.FAIL
    assert [row.key for row in judged.metrics] == [SAFE_LOAD]
    assert headline(judged).startswith("Safe load became worse on 2026-01-06: 17 → 12 users")


def test_an_unchanged_capacity_has_no_change_point() -> None:
    """The success of all requests is not judged, since a search tries loads that fail."""
    judged = trend(history([*BEFORE, *BEFORE]))
    assert judged.decision is Decision.PASS
    assert headline(judged) == "No lasting regression in 24 runs: safe load 17 users."


def test_the_pinned_baseline_is_compared_by_the_safe_load() -> None:
    """A loss since the release fails the trend, with one pinned search or more."""
    pinned = pin(accept_searches(BEFORE[:5]), reason="release", by="Tess Ter", at=NOON).pinned
    judged = trend(history([*AFTER, *AFTER]), pinned)
    assert [row.key for row in judged.against_pinned] == [SAFE_LOAD]
    assert judged.decision is Decision.FAIL


def test_the_site_shows_the_safe_load() -> None:
    """The tile of the newest run has the users, and no success ratio of failing loads."""
    page = trend_page(history(BEFORE), accept_searches(BEFORE[:3]))
    assert page.metrics[0].key == SAFE_LOAD
    assert page.metrics[0].band is not None
    assert (page.metrics[0].band.low, page.metrics[0].band.high) == (17.0, 18.0)


def test_a_front_page_of_searches_only_needs_no_success_ratio() -> None:
    """No tile divides by the requests of runs that have none to show."""
    (performance, _) = board_of([trend_page(history([*BEFORE, *AFTER]))]).tiles
    assert [row.text for row in performance.rows] == ["17 → 12 users"]
