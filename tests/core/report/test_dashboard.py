from typing import Any

import pytest

from bench.core.history.history import HistoryPoint
from bench.core.history.vitals import LatencyPercentiles, ServiceUsage, Vitals
from bench.core.report.dashboard import (
    LEAST_SUCCESS,
    Dashboard,
    Status,
    Tile,
    success_of,
    uses_of,
    wait_of,
)
from bench.core.report.trend_page import TrendPage, trend_page
from bench.core.samples.sample import GENERATOR, HOST
from bench.core.verdict.compare import Decision
from tests.factories import make_fingerprint, make_history, make_point
from tests.render.histories import board_of as dashboard

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
        ([regressed()], Decision.FAIL, "1 of 1 scenario is worse than before: quick."),
        (
            [
                regressed(),
                regressed(scenario="spike"),
                steady(scenario="heavy"),
                with_few_runs(scenario="medium"),
            ],
            Decision.FAIL,
            "2 of 3 scenarios are worse than before: quick and spike.",
        ),
        ([steady()], Decision.PASS, "No lasting regression in 1 scenario."),
        (
            [steady(), steady(scenario="heavy"), with_few_runs(scenario="medium")],
            Decision.PASS,
            "No lasting regression in 2 scenarios. 1 more have too few runs.",
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
    assert board.headline == "8 of 8 scenarios are worse than before: s0, s1, s2, s3, s4 and 3 more."


def test_performance_shows_the_newest_run() -> None:
    """The tile shows the newest run of all histories, with the vitals that it kept."""
    newest = {
        "requests_rps": 3.2,
        "tokens_tps": 140.0,
        "latencies": {"e2e_ms": LatencyPercentiles(p50=400.0, p95=610.0)},
    }
    board = dashboard([steady(), runs([1.0] * 15, newest, scenario="spike")])
    performance = tile(board, "Real-time performance")
    assert (performance.status, performance.figure) == (Status.GOOD, "3.2 answers/s")
    assert performance.text.startswith(
        "Newest run, spike, 2026-01-19 12:00 UTC: 140 tokens/s, response time "
    )
    assert performance.text.endswith(" p95 610 ms.")
    slower = tile(dashboard([regressed()]), "Real-time performance")
    assert (slower.status, slower.figure) == (Status.LOOK, "–")  # noqa: RUF001
    assert slower.text.endswith("Slower than before: quick.")
    assert tile(dashboard([with_few_runs()]), "Real-time performance").status is Status.UNKNOWN
    without_vitals = dashboard([trend_page([make_point(0, figures={"tier.queue_ms": 1.0})])])
    assert tile(without_vitals, "Real-time performance").text == "Newest run, quick, 2026-01-05 12:00 UTC."


def test_health_shows_alerts_and_resource_use() -> None:
    """The load generator and the machine are not services, and a run without samples is not healthy."""
    board = dashboard([steady({"usage": USES, "alerts": ()})])
    health = tile(board, "System health")
    assert (health.status, health.figure) == (Status.GOOD, "No alert")
    assert (
        health.text
        == "Most CPU: model with 83 % of a core in quick. Most memory: backend with 62 MB in quick."
    )
    alerts = ("model: 91 % of its memory in use", "requests: 6 % failed")
    health = tile(dashboard([steady({"alerts": alerts})]), "System health")
    assert (health.status, health.figure) == (Status.LOOK, "2 alerts")
    assert health.text == f"quick: {alerts[0]}. quick: {alerts[1]}."
    assert tile(dashboard([steady({"alerts": alerts[:1]})]), "System health").figure == "1 alert"
    for newest in NO_VITALS:
        health = tile(dashboard([steady(newest)]), "System health")
        assert (health.status, health.figure) == (Status.UNKNOWN, "Not watched")
        assert health.text == "The runs have no resource samples."


def test_service_status_comes_from_the_health_checks() -> None:
    """A service is up if it was always up; a service that was down shows its share, the worst first."""
    services = tile(dashboard([steady({"up": {"backend": 1.0, "agent": 1.0}})]), "Service status")
    assert (services.status, services.figure) == (Status.GOOD, "2 of 2 up")
    assert services.text == "Every health check of the newest runs was up all the time."
    services = tile(
        dashboard([steady({"up": {"backend": 0.99, "agent": 0.5, "model": 1.0}})]), "Service status"
    )
    assert (services.status, services.figure) == (Status.LOOK, "1 of 3 up")
    assert (
        services.text == "agent was up 50 % of the time in quick. backend was up 99 % of the time in quick."
    )
    for newest in NO_VITALS:
        assert tile(dashboard([steady(newest)]), "Service status").status is Status.UNKNOWN


def test_user_experience_needs_success_and_kept_thresholds() -> None:
    """Low success, a crossed threshold, or less success than before needs a look."""
    newest = {"latencies": {"e2e_ms": LatencyPercentiles(p95=610.0)}}
    experience = tile(
        dashboard([steady(newest), steady(scenario="heavy", ok=98, failed=2)]), "User experience"
    )
    assert (experience.status, experience.figure) == (Status.GOOD, "99 %")
    assert experience.text == (
        "of 200 requests in the newest runs succeeded; 2 failed. Longest wait: p95 610 ms in quick."
    )
    failing = steady(ok=94, failed=6)
    assert success_of(failing.newest) < LEAST_SUCCESS
    dropped = [make_point(number, ok=100 - 3 * (number > 9), failed=3 * (number > 9)) for number in range(20)]
    for page in (failing, steady({"crossed": ("e2e_ms p(95)<100",)}), trend_page(dropped)):
        experience = tile(dashboard([page]), "User experience")
        assert experience.status is Status.LOOK
        assert experience.text.endswith("Too many failures or a crossed limit: quick.")


def test_an_older_history_point_has_no_vitals() -> None:
    """A history point of an older version has neither latencies nor resource use."""
    older: HistoryPoint = make_point()
    assert wait_of(older) == LatencyPercentiles()
    assert uses_of(older) == {}
