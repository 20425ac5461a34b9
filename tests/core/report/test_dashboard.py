import re
from typing import Any

import pytest

from bench.core.history.history import HistoryPoint
from bench.core.history.vitals import LatencyPercentiles, ServiceUsage, Vitals
from bench.core.report.dashboard import Dashboard
from bench.core.report.newest_needs import LEAST_SUCCESS
from bench.core.report.site_entry import success_of, uses_of, wait_of
from bench.core.report.site_tiles import Status, Tile
from bench.core.report.trend_page import TrendPage, trend_page
from bench.core.report.words import DECISIONS, NEEDS_LOOK
from bench.core.samples.sample import GENERATOR, HOST
from bench.core.verdict.compare import Decision
from tests.factories import make_fingerprint, make_history, make_point
from tests.render.histories import board_of as dashboard
from tests.render.histories import history

NO_VITALS: tuple[dict[str, Any] | None, ...] = (None, {})
USES = {
    "backend": ServiceUsage(cpu_pct=14.0, memory_bytes=62_000_000),
    "model": ServiceUsage(cpu_pct=83.0, memory_bytes=41_000_000),
    GENERATOR: ServiceUsage(cpu_pct=99.0, memory_bytes=950_000_000),
    f"{GENERATOR}-2": ServiceUsage(cpu_pct=99.0, memory_bytes=950_000_000),
    HOST: ServiceUsage(cpu_pct=99.0, memory_bytes=9_500_000_000),
}


def runs(factors: list[float], newest: dict[str, Any] | None = None, **changes: Any) -> TrendPage:
    """Return the page of a history whose newest run has these vitals."""
    history = make_history(factors, **changes)
    vitals = Vitals(load="10 VUs", elapsed_s=30.0, **newest) if newest is not None else None
    return trend_page([*history[:-1], history[-1].model_copy(update={"vitals": vitals})])


def steady(newest: dict[str, Any] | None = None, **changes: Any) -> TrendPage:
    """Return the page of a history without a change."""
    return runs([1.0] * 14, newest, **changes)


def regressed(**changes: Any) -> TrendPage:
    """Return the page of a history with a regression."""
    return runs([1.0] * 14 + [1.4] * 10, **changes)


def with_few_runs(**changes: Any) -> TrendPage:
    """Return the page of a history with too few runs to judge."""
    return runs([1.0] * 3, **changes)


def tile(board: Dashboard, title: str) -> Tile:
    """Return the tile of the dashboard with this title."""
    return next(candidate for candidate in board.tiles if candidate.title == title)


@pytest.mark.parametrize(
    ("pages", "decision", "headline"),
    [
        ([regressed()], Decision.FAIL, "1 of 1 judged scenario is worse than before: quick."),
        (
            [
                regressed(),
                regressed(scenario="spike"),
                steady(scenario="heavy"),
                with_few_runs(scenario="medium"),
            ],
            Decision.FAIL,
            "2 of 3 judged scenarios are worse than before: quick and spike; 1 has too few runs.",
        ),
        ([steady()], Decision.PASS, "No lasting regression in 1 judged scenario."),
        (
            [steady(), steady(scenario="heavy"), with_few_runs(scenario="medium")],
            Decision.PASS,
            "No lasting regression in 2 judged scenarios; 1 has too few runs.",
        ),
        (
            [with_few_runs()],
            Decision.INCONCLUSIVE,
            "Cannot tell yet: no scenario has the 12 comparable runs that are needed.",
        ),
    ],
)
def test_the_worst_scenario_decides(pages: list[TrendPage], decision: Decision, headline: str) -> None:
    """One regressed scenario fails the dashboard; without a judged scenario the result is inconclusive."""
    board = dashboard(pages)
    assert (board.decision, board.headline) == (decision, headline)


def test_the_worst_scenario_comes_first_with_its_next_step() -> None:
    """The order is failed, inconclusive, passed, and the next step is that of the first entry."""
    board = dashboard(
        [steady(scenario="a"), with_few_runs(scenario="b"), regressed(scenario="d"), regressed(scenario="c")]
    )
    assert [entry.name for entry in board.entries] == ["c", "d", "b", "a"]
    assert board.next_step.startswith("c: The change came between commits")
    assert dashboard([regressed()]).next_step.startswith("The change came between commits")
    assert dashboard([steady()]).next_step == "Nothing to do."


def test_an_entry_has_the_shortest_unique_name() -> None:
    """A name is the scenario, plus the stack or the environment if it would be ambiguous."""
    real = {"simulated": False, "system": "ubuntu-24.04"}
    pages = [
        steady(scenario="heavy"),
        steady(),
        steady(fingerprint=make_fingerprint(stack="other")),
        steady(fingerprint=make_fingerprint(stack="other", **real)),
    ]
    assert {entry.name for entry in dashboard(pages).entries} == {
        "heavy",
        "quick on embedded",
        "quick on other, simulated",
        "quick on other, ubuntu-24.04-2cpu",
    }


def test_a_long_list_of_scenarios_is_shortened() -> None:
    """The headline names at most five scenarios and the number of others."""
    board = dashboard([regressed(scenario=f"s{number}") for number in range(8)])
    assert board.headline == "8 of 8 judged scenarios are worse than before: s0, s1, s2, s3, s4 and 3 more."


def shown_rows(shown: Tile) -> list[tuple[str, str, str]]:
    """Return name, scenario and text of each row of a tile."""
    return [(row.name, row.entry.name, row.text) for row in shown.rows]


def test_performance_shows_the_largest_changes() -> None:
    """The largest change for the worse comes first; a full bar is a change of 100 %, or the largest one."""
    smaller = runs([1.0] * 14 + [1.2] * 10, scenario="spike")
    performance = tile(dashboard([steady(scenario="heavy"), smaller, regressed()]), "Real-time performance")
    assert (performance.status, performance.figure) == (Status.WORSE, "2 of 3")
    largest, second = performance.rows
    assert [row.entry.name for row in performance.rows] == ["quick", "spike"]
    assert largest.text.endswith(" % response time")
    assert (round(largest.share, 1), round(second.share, 1)) == (0.4, 0.2)
    assert (performance.unit, performance.about) == (
        "judged scenarios worse",
        "Largest changes; a full bar is +100 %",
    )
    huge = tile(dashboard([runs([1.0] * 14 + [4.0] * 10)]), "Real-time performance")
    assert [row.share for row in huge.rows] == [1.0]
    assert huge.about.startswith("Largest changes; a full bar is +")


def test_performance_without_a_change_shows_the_longest_response_times() -> None:
    """A scenario that cannot be judged is shown, too; at most three scenarios have a row."""
    pages = [steady(scenario=f"s{number}") for number in range(4)]
    performance = tile(dashboard([*pages, runs([2.0] * 15, scenario="slow")]), "Real-time performance")
    assert (performance.status, performance.figure) == (Status.GOOD, "0 of 5")
    assert performance.rows[0].entry.name == "slow"
    assert performance.rows[0].share == 1.0
    assert len(performance.rows) == 3
    assert tile(dashboard([with_few_runs()]), "Real-time performance").status is Status.UNKNOWN


def test_a_tile_without_content_is_left_out() -> None:
    """Without resource samples, alerts and health checks there are two tiles; a search alone has one."""
    for newest in NO_VITALS:
        titles = [shown.title for shown in dashboard([steady(newest)]).tiles]
        assert titles == ["Real-time performance", "User experience"]
    only_tiers = trend_page([make_point(0, figures={"tier.queue_ms": 1.0})])
    assert [shown.title for shown in dashboard([only_tiers]).tiles] == ["User experience"]


def test_health_shows_alerts_and_processor_time() -> None:
    """The load generator and the machine are not services."""
    health = tile(dashboard([steady({"usage": USES, "alerts": ()})]), "System health")
    assert (health.status, health.figure, health.unit) == (Status.GOOD, "0", "alerts")
    assert shown_rows(health) == [
        ("model", "quick", "83 % of a core"),
        ("backend", "quick", "14 % of a core"),
    ]
    assert (health.rows[0].share, health.about) == (0.83, "Most CPU; a full bar is 1 core")
    alerts = tuple(f"model: {number} % of its memory in use" for number in range(91, 96))
    health = tile(dashboard([steady({"alerts": alerts})]), "System health")
    assert (health.status, health.figure) == (Status.LOOK, "5")
    assert health.text == " ".join([*(f"quick: {alert}." for alert in alerts[:3]), "2 more."])
    one = tile(dashboard([steady({"alerts": alerts[:1], "usage": USES})]), "System health")
    assert (one.figure, one.unit, len(one.rows)) == ("1", "alert", 1)
    unwatched = tile(dashboard([steady({"usage": USES})]), "System health")
    assert (unwatched.status, unwatched.figure) == (Status.UNKNOWN, "Not watched")


def test_service_status_comes_from_the_health_checks() -> None:
    """A service is up if it was always up; the one that was down the longest comes first."""
    services = tile(dashboard([steady({"up": {"backend": 1.0, "agent": 1.0}})]), "Service status")
    assert (services.status, services.figure, services.rows) == (Status.GOOD, "2 of 2", ())
    assert services.text == "Every health check of the newest runs was up all the time."
    checks = {"backend": 0.99, "agent": 0.5, "model": 1.0}
    services = tile(dashboard([steady({"up": checks})]), "Service status")
    assert (services.status, services.figure) == (Status.LOOK, "1 of 3")
    assert shown_rows(services) == [
        ("agent", "quick", "15.0 s of 30 s"),
        ("backend", "quick", "0.3 s of 30 s"),
    ]


def test_user_experience_needs_success_and_kept_thresholds() -> None:
    """Low success needs a look; a crossed threshold, or less success than before, is a failure."""
    newest = {"latencies": {"e2e_ms": LatencyPercentiles(p95=610.0)}}
    experience = tile(dashboard([steady(newest)]), "User experience")
    assert (experience.status, experience.figure) == (Status.GOOD, "100 %")
    assert (experience.unit, experience.about) == ("of 100 requests succeeded", "Longest p95 response times")
    assert shown_rows(experience) == [("", "quick", "610 ms")]
    experience = tile(
        dashboard([steady(newest), steady(scenario="heavy", ok=98, failed=2)]), "User experience"
    )
    assert (experience.status, experience.figure) == (Status.GOOD, "99 %")
    assert experience.unit == "of 200 requests succeeded"
    assert experience.about == "Most failures; a full bar is the 5 % limit"
    assert [row.is_bad for row in experience.rows] == [False]
    assert shown_rows(experience) == [("", "heavy", "2 of 100 failed")]
    failing = steady(ok=94, failed=6)
    assert success_of(failing.newest) < LEAST_SUCCESS
    dropped = [make_point(number, ok=100 - 3 * (number > 9), failed=3 * (number > 9)) for number in range(20)]
    crossed = steady({"crossed": ("e2e_ms p(95)<100",)})
    for page, status in (
        (failing, Status.LOOK),
        (crossed, Status.WORSE),
        (trend_page(dropped), Status.WORSE),
    ):
        assert tile(dashboard([page]), "User experience").status is status
    (full,) = tile(dashboard([failing]), "User experience").rows
    assert (full.is_bad, full.share) == (True, 1.0)
    assert tile(dashboard([crossed]), "User experience").text == "1 scenario crossed a threshold."


def test_only_a_change_for_the_worse_is_red() -> None:
    """An alert, a failed check and failed requests need a look; the processor time has no limit."""
    newest = {"alerts": ("requests: 9 % failed",), "up": {"agent": 0.93}, "usage": USES}
    board = dashboard([steady(newest, ok=91, failed=9)])
    assert [shown.status for shown in board.tiles] == [Status.GOOD, *[Status.LOOK] * 3]
    assert not any(row.is_bad for row in tile(board, "System health").rows)


def test_the_findings_name_the_worse_scenarios_and_those_that_need_a_look() -> None:
    """A row has amount, day, tier, commit and messages of a change, or failures, checks and alerts."""
    failing = {
        "alerts": ("requests: 9 % failed",),
        "up": {"agent": 0.93, "model": 0.99},
        "crossed": ("p95<1",),
    }
    pages = [
        steady(scenario="heavy"),
        steady(failing, scenario="spike", ok=91, failed=9),
        with_few_runs(scenario="medium"),
        trend_page(history([1.0] * 14 + [1.4] * 10)),
    ]
    worse, look = dashboard(pages).findings
    assert (worse.entry.name, worse.is_worse) == ("quick", True)
    assert re.fullmatch(
        r"\+\d\d % response time since \d{4}-\d\d-\d\d, in `decode`, commit [0-9a-f]{7}; "
        r"affected: all 4 messages",
        worse.text,
    )
    assert (look.entry.name, look.is_worse) == ("spike", True)
    assert look.text == (
        "crossed threshold p95<1; 9 of 100 requests failed; agent was down 2.1 s of 30 s, and 1 more; "
        "alert: requests: 9 % failed"
    )
    many = dashboard([regressed(scenario=f"s{number}") for number in range(8)])
    assert len(many.findings) == 3
    assert dashboard([steady()]).findings == ()


def test_a_scenario_that_needs_a_look_is_named_by_verdict_headline_and_next_step() -> None:
    """It is not worse, so the board passes; it comes before scenarios that nobody can judge."""
    pages = [
        steady(scenario="heavy"),
        with_few_runs(scenario="medium"),
        steady({}, scenario="spike", ok=91, failed=9),
    ]
    board = dashboard(pages)
    assert (board.decision, board.word) == (Decision.PASS, NEEDS_LOOK)
    assert board.headline == (
        "No lasting regression in 2 judged scenarios; 1 needs a look: spike; 1 has too few runs."
    )
    assert board.next_step == (
        "spike: Nothing became worse, but look at the newest run: 9 of 100 requests failed."
    )
    assert [entry.name for entry in board.entries] == ["spike", "medium", "heavy"]
    worse = dashboard([*pages, regressed()])
    assert worse.word == DECISIONS[Decision.FAIL]
    assert worse.next_step.startswith("quick: The change came between commits")


def test_an_older_history_point_has_no_vitals() -> None:
    """A history point of an older version has neither latencies nor resource use."""
    older: HistoryPoint = make_point()
    assert wait_of(older) == LatencyPercentiles()
    assert uses_of(older) == {}
