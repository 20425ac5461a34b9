from bench.core.capacity.load_trial import LoadTrial, ObjectiveCounts, SafeLoad, TrialBlock, TrialVerdict
from bench.core.report.capacity_progress import (
    SearchState,
    describe_bounds,
    describe_end,
    describe_running,
    describe_start,
    describe_warm_up,
)

SLOW = ObjectiveCounts(
    objective="p95 response time ≤ 10 s",
    allowed_ratio=0.05,
    blocks=(TrialBlock(50, 20), TrialBlock(43, 9)),
    limit_ms=10_000.0,
    time_ms=12_400.0,
)
BROKEN = LoadTrial(
    load=20.0,
    start_s=60.0,
    warm_up_s=10.0,
    duration_s=24.0,
    counts=(SLOW,),
    verdict=TrialVerdict.BROKEN,
    throughput_rps=1.8,
    goodput_rps=1.2,
    success_ratio=1.0,
)
BEGUN = SearchState("users", (BROKEN,), None, 94.0, 600.0, number=2)


def test_the_line_before_a_trial_reports_the_interval_and_the_time() -> None:
    """It names the load, the bounds of the safe load so far, and the used part of the budget."""
    estimate = SafeLoad(load=16.0, low=12.0, high=20.0, confidence=0.9)
    line = describe_start(BEGUN._replace(estimate=estimate), 16.0)
    assert line == "trial 2: 16 users; safe load so far: 12 to 20 users; 1m34s of 10m used"
    first = describe_start(SearchState("requests/s", (), None, 0.0, 90.0, number=1), 2.5)
    assert first == "trial 1: 2.5 requests/s; 0s of 1m30s used"


def test_bounds_are_open_until_both_sides_were_tried() -> None:
    """Without a broken load the interval has no upper end, without a met load no lower end."""
    assert describe_bounds(BEGUN) == "safe load so far: less than 20 users"
    met = SafeLoad(load=1.0, low=1.0, high=None, confidence=0.9)
    assert describe_bounds(BEGUN._replace(estimate=met)) == "safe load so far: at least 1 user"
    unclear = BROKEN.model_copy(update={"verdict": TrialVerdict.OPEN})
    assert describe_bounds(BEGUN._replace(trials=(unclear,))) == "safe load so far: unknown"


def test_a_running_trial_counts_its_requests() -> None:
    """Before the first request that counts, the load warms up."""
    assert describe_running(BEGUN, 16.0, 12.3, (SLOW,)) == (
        "trial 2: 16 users, 12 s, 93 requests, 31.2 % missed so far"
    )
    assert describe_running(BEGUN, 16.0, 4.4, ()) == "trial 2: 16 users, 4 s, warming up"
    assert describe_warm_up(45.2) == "before trial 1: warm-up of the scenario, 45 s"


def test_the_line_after_a_trial_names_the_deciding_objective() -> None:
    """Of several objectives, the line names the one that is nearest to being broken."""
    failed = ObjectiveCounts(objective="success ≥ 99 %", allowed_ratio=0.01, blocks=(TrialBlock(93, 0),))
    both = BROKEN.model_copy(update={"counts": (failed, SLOW)})
    assert describe_end(both, 4, "users") == (
        "trial 4: 20 users: broken after 34 s"
        " (p95 12.4 s; 31.2 % of 93 requests missed `p95 response time ≤ 10 s`)"
    )
    fails = BROKEN.model_copy(update={"counts": (failed,), "verdict": TrialVerdict.OPEN})
    assert describe_end(fails, 4, "users") == (
        "trial 4: 20 users: likely met after 34 s (0 % of 93 requests missed `success ≥ 99 %`)"
    )
    assert describe_end(BROKEN.model_copy(update={"counts": ()}), 4, "users").endswith("after 34 s")
