from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.history.history import HistoryPoint, history_key, to_history_point
from bench.core.samples.sample import Stop, StopCause
from bench.errors import ConfigError, MeasurementError
from tests.factories import (
    TIER_TIMES,
    make_fingerprint,
    make_provenance,
    make_recording,
    make_run,
    run_at,
)


def test_a_point_has_deciding_metrics_and_tiers() -> None:
    """Metrics that only inform and unattributed time are left out; costs are stored like latencies."""
    run = run_at(1.0, 3, failed=(1, 2))
    point = to_history_point(run)
    assert (point.run_id, point.started_at) == (run.provenance.run_id, run.provenance.started_at)
    assert (point.scenario, point.commit, point.dirty) == ("quick", "c" * 40, False)
    assert (point.ok, point.failed) == (98, 2)
    tiers = {f"tier.{tier}_ms" for tier in TIER_TIMES}
    assert set(point.figures) == {"e2e_ms", "requests_rps", *tiers}
    typical = run.summary.metrics["e2e_ms"].typical
    assert typical is not None
    assert point.figures["e2e_ms"] == round(typical, 2)
    assert history_key(point) == "embedded/simulated/quick"


def test_an_unusable_run_is_refused() -> None:
    """Injected faults, an interruption and invalidity are errors that name the run and the reason."""
    with pytest.raises(ConfigError, match=r"0000 has injected faults \(model.slowdown\)"):
        to_history_point(make_run(provenance=make_provenance(injections={"model.slowdown": 2.0})))
    stop = Stop(cause=StopCause.INTERRUPT, reason="Ctrl-C")
    with pytest.raises(MeasurementError, match="is invalid: the run ended early: Ctrl-C"):
        to_history_point(make_run(make_recording(stop=stop)))
    aborted = Stop(cause=StopCause.THRESHOLD, reason="e2e_ms p(95)<5000")
    with pytest.raises(MeasurementError, match=r"is invalid: .*p\(95\)<5000"):
        to_history_point(make_run(make_recording(stop=aborted)))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"figures": {"e2e_ms": float("nan")}}, "finite"),
        ({"figures": {"e2e_ms": float("inf")}}, "finite"),
        ({"figures": {"e2e_ms": -1.0}}, "greater than or equal to 0"),
        ({"figures": {"e3e_ms": 1.0}}, "there is no metric 'e3e_ms'"),
        ({"ok": 0, "failed": 0}, "at least one request"),
        ({"ok": -1}, "greater than or equal to 0"),
        ({"colour": "red"}, "Extra inputs"),
        ({"fingerprint": {**make_fingerprint().model_dump(), "cpu_count": "two"}}, "valid integer"),
    ],
)
def test_a_point_is_validated(wrong: dict[str, Any], said: str) -> None:
    """A figure that is not a number, an unknown metric, and a run without requests are refused."""
    with pytest.raises(ValidationError, match=said):
        HistoryPoint.model_validate(to_history_point(run_at()).model_dump() | wrong)
