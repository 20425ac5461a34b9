from bench.core.history.history import HistoryPoint, to_history_point
from bench.core.history.vitals import LatencyPercentiles, vitals_of
from bench.core.run.result import RunResult
from bench.core.samples.sample import GENERATOR, Outcome, Probe
from bench.core.watch.availability import Availability
from tests.factories import make_recording, make_run, make_sample, make_scenario, make_spec, run_at


def test_vitals_are_what_a_summary_says() -> None:
    """Rates, waits, outcomes and resources, each with as many digits as anybody reads."""
    run = run_at(1.0, failed=(1, 2), requests=400)
    found, summary = vitals_of(run), run.summary
    assert found.load == "10 VUs, 30 s"
    assert found.requests_rps == round(398 / 31.0, 2)
    assert found.outcomes == {Outcome.OK: 398, Outcome.HTTP_ERROR: 2}
    assert found.latencies["e2e_ms"].p50 == round(summary.metrics["e2e_ms"].p50 or 0, 2)
    assert (found.usage[GENERATOR].cpu_pct, found.usage[GENERATOR].memory_bytes) == (5.0, 90_000_000)
    assert (found.crossed, found.goodput_ratio, found.tokens_tps, found.up) == ((), None, None, {})


def test_a_wait_that_too_few_requests_carry_is_not_known() -> None:
    """A hundred requests have no certain 99th percentile, and none that failed has any."""
    assert vitals_of(run_at(1.0, requests=100)).latencies["e2e_ms"].p99 is None
    nothing = vitals_of(run_at(1.0, failed=range(20), requests=20))
    assert nothing.latencies == {}
    assert LatencyPercentiles().p50 is None


def test_limits_that_were_crossed_are_named() -> None:
    """As the scenario has them, and goodput where it has objectives."""
    scenario = make_scenario(thresholds={"e2e_ms": ["p(50)<100", "p(50)<9000"]}, objectives={"e2e_ms": 400})
    run = make_run(make_recording([make_sample(seq) for seq in range(40)]), spec=make_spec(scenario))
    found = vitals_of(run)
    assert found.crossed == ("e2e_ms p(50)<100",)
    assert found.goodput_ratio == 0.0


def test_what_was_watched_is_kept() -> None:
    """Of each health check the share of the time that it was up, all only where it is; and each alert."""
    probes = [Probe(at_s=float(at_s), check="agent", up=at_s != 10) for at_s in range(31)]
    probes += [Probe(at_s=float(at_s), check="backend", up=True) for at_s in range(31)]
    run = run_at(1.0, failed=range(20))
    watched = make_run(make_recording([make_sample(seq) for seq in range(40)], probes=tuple(probes)))
    found = vitals_of(watched)
    assert found.up["backend"] == 1.0
    assert 0.9 < found.up["agent"] < 1.0
    assert found.alerts == ()
    assert "requests: 80 % succeeded" in (vitals_of(run).alerts or ())
    moment = Availability(probes=90, up_ratio=0.99999)
    summary = watched.summary.model_copy(update={"availability": {"agent": moment}})
    assert vitals_of(watched.model_copy(update={"summary": summary})).up == {"agent": 0.9999}


def test_a_result_of_before_there_were_alerts_has_not_none_of_them() -> None:
    """A file without the field says nothing of alerts, which is another thing than that there was none."""
    written = run_at(1.0).model_dump_json(exclude={"alerts"})
    older = RunResult.model_validate_json(written)
    assert vitals_of(older).alerts is None
    newer = RunResult.model_validate_json(run_at(1.0).model_dump_json())
    assert vitals_of(newer).alerts == ()


def test_a_line_keeps_them_and_an_older_line_is_read() -> None:
    """They survive a round trip, with the workflow run; a line without either is one of an older version."""
    point = to_history_point(run_at(1.0), 7_000_000_001)
    assert HistoryPoint.model_validate_json(point.model_dump_json()) == point
    assert (point.workflow_run, point.vitals) == (7_000_000_001, vitals_of(run_at(1.0)))
    older = HistoryPoint.model_validate_json(point.model_dump_json(exclude={"vitals", "workflow_run"}))
    assert (older.workflow_run, older.vitals) == (None, None)
