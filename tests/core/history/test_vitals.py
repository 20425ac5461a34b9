import pytest

from bench.core.history.history import HistoryPoint, to_history_point
from bench.core.history.vitals import LatencyPercentiles, vitals_of
from bench.core.run.messages import MessageUse
from bench.core.run.result import RunResult
from bench.core.samples.sample import GENERATOR, Outcome, Probe
from bench.core.watch.availability import Availability
from tests.factories import make_recording, make_run, make_sample, make_scenario, make_spec, run_at


def test_vitals_have_the_numbers_of_the_summary() -> None:
    """Rates, latencies, outcomes and resources are rounded for people."""
    run = run_at(1.0, failed=(1, 2), requests=400)
    vitals, summary = vitals_of(run), run.summary
    assert vitals.load == "10 VUs, 30 s"
    assert vitals.requests_rps == round(398 / 31.0, 2)
    assert vitals.outcomes == {Outcome.OK: 398, Outcome.HTTP_ERROR: 2}
    assert vitals.latencies["e2e_ms"].p50 == round(summary.metrics["e2e_ms"].p50 or 0, 2)
    assert (vitals.usage[GENERATOR].cpu_pct, vitals.usage[GENERATOR].memory_bytes) == (
        5.0,
        90_000_000,
    )
    assert (vitals.crossed, vitals.goodput_ratio, vitals.tokens_tps, vitals.up) == (
        (),
        None,
        None,
        {},
    )


def test_vitals_have_the_messages_or_the_classes_of_many_messages() -> None:
    """A line of a history stays short; the values are those of the summary."""
    run = run_at(1.0)
    figures = run.summary.metrics["e2e_ms"].figures
    assert vitals_of(run).messages == {name: round(value, 2) for name, value in figures.items()}
    names = [f"message-{number}" for number in range(30)]
    row = run.summary.metrics["e2e_ms"].model_copy(update={"figures": dict.fromkeys(names, 400.0)})
    uses = {
        name: MessageUse(message_class="long" if number % 3 else "short", requests=1)
        for number, name in enumerate(names)
    }
    changes = {"metrics": {**run.summary.metrics, "e2e_ms": row}, "messages": uses}
    many = run.model_copy(update={"summary": run.summary.model_copy(update=changes)})
    assert vitals_of(many).messages == {}
    assert vitals_of(many).classes == {"short": pytest.approx(400.0), "long": pytest.approx(400.0)}
    uses = {name: MessageUse(message_class=name, requests=1) for name in names}
    alone = many.model_copy(update={"summary": many.summary.model_copy(update={"messages": uses})})
    assert vitals_of(alone).classes == {}


def test_an_unreliable_percentile_is_absent() -> None:
    """A hundred requests have no reliable 99th percentile, and failed requests have no percentiles."""
    assert vitals_of(run_at(1.0, requests=100)).latencies["e2e_ms"].p99 is None
    nothing = vitals_of(run_at(1.0, failed=range(20), requests=20))
    assert nothing.latencies == {}
    assert LatencyPercentiles().p50 is None


def test_crossed_thresholds_are_kept() -> None:
    """Thresholds are written as in the scenario; goodput is kept if there are objectives."""
    scenario = make_scenario(thresholds={"e2e_ms": ["p(50)<100", "p(50)<9000"]}, objectives={"e2e_ms": 400})
    run = make_run(make_recording([make_sample(seq) for seq in range(40)]), spec=make_spec(scenario))
    vitals = vitals_of(run)
    assert vitals.crossed == ("e2e_ms p(50)<100",)
    assert vitals.goodput_ratio == 0.0


def test_availability_and_alerts_are_kept() -> None:
    """The share of a health check is 1 only if it was always up; each alert is a text."""
    probes = [Probe(at_s=float(at_s), check="agent", up=at_s != 10) for at_s in range(31)]
    probes += [Probe(at_s=float(at_s), check="backend", up=True) for at_s in range(31)]
    run = run_at(1.0, failed=range(20))
    watched = make_run(make_recording([make_sample(seq) for seq in range(40)], probes=tuple(probes)))
    vitals = vitals_of(watched)
    assert vitals.up["backend"] == 1.0
    assert 0.9 < vitals.up["agent"] < 1.0
    assert vitals.alerts == ()
    assert "requests: 80 % of 100 succeeded" in (vitals_of(run).alerts or ())
    moment = Availability(probes=90, up_ratio=0.99999)
    summary = watched.summary.model_copy(update={"availability": {"agent": moment}})
    assert vitals_of(watched.model_copy(update={"summary": summary})).up == {"agent": 0.9999}


def test_a_result_without_alerts_has_unknown_alerts() -> None:
    """A file without the field differs from a file with an empty list."""
    written = run_at(1.0).model_dump_json(exclude={"alerts"})
    older = RunResult.model_validate_json(written)
    assert vitals_of(older).alerts is None
    newer = RunResult.model_validate_json(run_at(1.0).model_dump_json())
    assert vitals_of(newer).alerts == ()


def test_vitals_survive_json() -> None:
    """Vitals and the workflow run survive a round trip; a line of an older version has neither."""
    point = to_history_point(run_at(1.0), 7_000_000_001)
    assert HistoryPoint.model_validate_json(point.model_dump_json()) == point
    assert (point.workflow_run, point.vitals) == (7_000_000_001, vitals_of(run_at(1.0)))
    older = HistoryPoint.model_validate_json(point.model_dump_json(exclude={"vitals", "workflow_run"}))
    assert (older.workflow_run, older.vitals) == (None, None)
