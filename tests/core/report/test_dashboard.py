from typing import Any

import pytest

from bench.core.history.history import HistoryPoint
from bench.core.history.vitals import LatencyPercentiles, ServiceUsage, Vitals
from bench.core.report.dashboard import (
    LEAST_SUCCESS,
    Dashboard,
    Status,
    Tile,
    dashboard,
    success_of,
    uses_of,
    wait_of,
)
from bench.core.report.trend_page import TrendPage, trend_page
from bench.core.samples.sample import GENERATOR, HOST
from bench.core.verdict.compare import Decision
from tests.factories import make_fingerprint, make_history, make_point

NOTHING: tuple[dict[str, Any] | None, ...] = (None, {})
USES = {
    "backend": ServiceUsage(cpu_pct=14.0, memory_bytes=62_000_000),
    "model": ServiceUsage(cpu_pct=83.0, memory_bytes=41_000_000),
    GENERATOR: ServiceUsage(cpu_pct=99.0, memory_bytes=950_000_000),
    f"{GENERATOR}-2": ServiceUsage(cpu_pct=99.0, memory_bytes=950_000_000),
    HOST: ServiceUsage(cpu_pct=99.0, memory_bytes=9_500_000_000),
}


def runs(factors: list[float], newest: dict[str, Any] | None = None, **changes: Any) -> TrendPage:
    """A history whose newest run has these vitals."""
    history = make_history(factors, **changes)
    vitals = Vitals(load="10 users", elapsed_s=30.0, **newest) if newest is not None else None
    return trend_page([*history[:-1], history[-1].model_copy(update={"vitals": vitals})])


def steady(newest: dict[str, Any] | None = None, **changes: Any) -> TrendPage:
    """A history without any change."""
    return runs([1.0] * 14, newest, **changes)


def worse(**changes: Any) -> TrendPage:
    """A history that became worse."""
    return runs([1.0] * 14 + [1.4] * 10, **changes)


def few(**changes: Any) -> TrendPage:
    """A history that nobody can judge yet."""
    return runs([1.0] * 3, **changes)


def tile(board: Dashboard, title: str) -> Tile:
    """One of the four."""
    return next(each for each in board.tiles if each.title == title)


@pytest.mark.parametrize(
    ("pages", "decision", "said"),
    [
        ([worse()], Decision.FAIL, "1 of 1 scenario is worse than before: quick."),
        (
            [worse(), worse(scenario="spike"), steady(scenario="heavy"), few(scenario="medium")],
            Decision.FAIL,
            "2 of 3 scenarios are worse than before: quick and spike.",
        ),
        ([steady()], Decision.PASS, "No lasting regression in 1 scenario."),
        (
            [steady(), steady(scenario="heavy"), few(scenario="medium")],
            Decision.PASS,
            "No lasting regression in 2 scenarios. 1 more have too few runs.",
        ),
        (
            [few()],
            Decision.INCONCLUSIVE,
            "Cannot tell yet: no scenario has the 12 comparable runs that are needed.",
        ),
    ],
)
def test_the_worst_decides(pages: list[TrendPage], decision: Decision, said: str) -> None:
    """One that became worse fails the whole; without any that can be judged nothing is told."""
    board = dashboard(pages)
    assert (board.decision, board.headline) == (decision, said)


def test_the_worst_comes_first_with_its_next_step() -> None:
    """Failed, then inconclusive, then passed, each by name; what to do is said of the first."""
    board = dashboard([steady(scenario="a"), few(scenario="b"), worse(scenario="d"), worse(scenario="c")])
    assert [each.name for each in board.entries] == ["c", "d", "b", "a"]
    assert board.next_step.startswith("c: The change came between commits")
    assert dashboard([worse()]).next_step.startswith("The change came between commits")
    assert dashboard([steady()]).next_step == "Nothing to do."


def test_a_name_is_as_long_as_it_must_be() -> None:
    """The scenario, its stack where several have it, and the environment where that is not enough."""
    real = {"simulated": False, "system": "ubuntu-24.04"}
    pages = [
        steady(scenario="heavy"),
        steady(),
        steady(fingerprint=make_fingerprint(stack="mine")),
        steady(fingerprint=make_fingerprint(stack="mine", **real)),
    ]
    assert {each.name for each in dashboard(pages).entries} == {
        "heavy",
        "quick on embedded",
        "quick on mine, simulated",
        "quick on mine, ubuntu-24.04-2cpu",
    }


def test_of_many_some_are_named() -> None:
    """A sentence does not grow with the histories."""
    board = dashboard([worse(scenario=f"s{number}") for number in range(8)])
    assert board.headline == "8 of 8 scenarios are worse than before: s0, s1, s2, s3, s4 and 3 more."


def test_performance_is_of_the_newest_run() -> None:
    """Of all histories the run that was made last, with what it keeps."""
    newest = {
        "requests_rps": 3.2,
        "tokens_tps": 140.0,
        "latencies": {"e2e_ms": LatencyPercentiles(p50=400.0, p95=610.0)},
    }
    board = dashboard([steady(), runs([1.0] * 15, newest, scenario="spike")])
    found = tile(board, "Real-time performance")
    assert (found.status, found.figure) == (Status.GOOD, "3.2 answers/s")
    assert found.text.startswith("Newest run, spike, 2026-01-19 12:00 UTC: 140 tokens/s, response time ")
    assert found.text.endswith(" p95 610 ms.")
    slower = tile(dashboard([worse()]), "Real-time performance")
    assert (slower.status, slower.figure) == (Status.LOOK, "–")  # noqa: RUF001
    assert slower.text.endswith("Slower than before: quick.")
    assert tile(dashboard([few()]), "Real-time performance").status is Status.UNKNOWN
    bare = dashboard([trend_page([make_point(0, figures={"tier.queue_ms": 1.0})])])
    assert tile(bare, "Real-time performance").text == "Newest run, quick, 2026-01-05 12:00 UTC."


def test_health_is_alerts_and_what_services_used() -> None:
    """The load generator and the machine are no services; no watching is no good news."""
    board = dashboard([steady({"usage": USES, "alerts": ()})])
    found = tile(board, "System health")
    assert (found.status, found.figure) == (Status.GOOD, "No alert")
    assert (
        found.text
        == "Most CPU: model with 83 % of a core in quick. Most memory: backend with 62 MB in quick."
    )
    alerts = ("model: 91 % of its memory in use", "requests: 6 % failed")
    found = tile(dashboard([steady({"alerts": alerts})]), "System health")
    assert (found.status, found.figure) == (Status.LOOK, "2 alerts")
    assert found.text == f"quick: {alerts[0]}. quick: {alerts[1]}."
    assert tile(dashboard([steady({"alerts": alerts[:1]})]), "System health").figure == "1 alert"
    for newest in NOTHING:
        found = tile(dashboard([steady(newest)]), "System health")
        assert (found.status, found.figure) == (Status.UNKNOWN, "Not watched")
        assert found.text == "The runs have no resource samples."


def test_services_are_what_their_health_checks_said() -> None:
    """Up is up all the time; of what was down its share is said, the worst first."""
    found = tile(dashboard([steady({"up": {"backend": 1.0, "agent": 1.0}})]), "Service status")
    assert (found.status, found.figure) == (Status.GOOD, "2 of 2 up")
    assert found.text == "Every health check of the newest runs was up all the time."
    found = tile(dashboard([steady({"up": {"backend": 0.99, "agent": 0.5, "model": 1.0}})]), "Service status")
    assert (found.status, found.figure) == (Status.LOOK, "1 of 3 up")
    assert found.text == "agent was up 50 % of quick. backend was up 99 % of quick."
    for newest in NOTHING:
        assert tile(dashboard([steady(newest)]), "Service status").status is Status.UNKNOWN


def test_users_are_unhappy_with_failures_and_crossed_limits() -> None:
    """Below the least success, with a limit crossed, or with less success than before."""
    newest = {"latencies": {"e2e_ms": LatencyPercentiles(p95=610.0)}}
    found = tile(dashboard([steady(newest), steady(scenario="heavy", ok=98, failed=2)]), "User experience")
    assert (found.status, found.figure) == (Status.GOOD, "99 %")
    assert found.text == (
        "of 200 requests in the newest runs succeeded; 2 failed. Longest wait: p95 610 ms in quick."
    )
    failing = steady(ok=94, failed=6)
    assert success_of(failing.newest) < LEAST_SUCCESS
    dropped = [make_point(number, ok=100 - 3 * (number > 9), failed=3 * (number > 9)) for number in range(20)]
    for page in (failing, steady({"crossed": ("e2e_ms p(95)<100",)}), trend_page(dropped)):
        found = tile(dashboard([page]), "User experience")
        assert found.status is Status.LOOK
        assert found.text.endswith("Too many failures or a crossed limit: quick.")


def test_what_was_not_kept_is_not_known() -> None:
    """A line of an older version has neither latencies nor uses."""
    older: HistoryPoint = make_point()
    assert wait_of(older) == LatencyPercentiles()
    assert uses_of(older) == {}
