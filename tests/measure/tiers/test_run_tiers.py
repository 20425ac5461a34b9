from pathlib import Path
from typing import Any

import pytest

from bench.core.config.stack import Stack
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.tiers.trace_ids import run_prefix
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.run import measure
from tests.factories import make_scenario, make_spec, make_target
from tests.measure.tiers.reporting_service import OWN_MS, model_ms

ROOT = Path(__file__).parents[3]
REQUESTS = 6
MODEL_MS = sum(map(model_ms, range(REQUESTS))) / REQUESTS


def run(durations: dict[str, Any] | None = None, **tiers: Any) -> RunResult:
    """Measure the service that reports its times; the tiers and durations are declared."""
    result, _ = record(durations, **tiers)
    return result


def record(durations: dict[str, Any] | None = None, **tiers: Any) -> tuple[RunResult, Recording]:
    """Measure the service, and return the recording, too."""
    service = {"command": ["${python}", str(Path(__file__).with_name("reporting_service.py")), "${port}"]}
    stack = Stack.model_validate(
        {
            "name": "reporting",
            "purpose": "A service that reports its times.",
            "services": {"backend": {**service, "environment": {"PYTHONPATH": str(ROOT)}}},
            "tiers": tiers,
        }
    )
    answer: dict[str, Any] = {"kind": "json", "text": "text"}
    if durations is not None:
        answer["durations"] = {"unit": "ms", **durations}
    scenario = make_scenario(
        phases=[{"executor": "per-vu-iterations", "vus": 2, "iterations": REQUESTS // 2}], thresholds={}
    )
    target = make_target(service="backend", path="/ask", auth="none", ready="/", answer=answer)
    spec = make_spec(scenario).model_copy(update={"target": target})
    result, recording = measure(spec, stack, Conditions(calibrated=False), Listener())
    assert result.summary.ok == REQUESTS
    return result, recording


def test_spans_give_tiers_and_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that only knows the variables of OpenTelemetry has tier times and calls per message."""
    monkeypatch.chdir(tmp_path)
    result, recording = record(otlp={})
    # The trace ids of its requests can be computed later, and the places of their tiers are stored.
    (load,) = recording.traced_loads
    assert load.prefix == run_prefix(f"{result.provenance.run_id}/1").hex()
    assert len(load.requests) == REQUESTS
    for request in load.requests:
        assert {tier for tier, _, _ in request.periods} == {"backend", "model"}
    metrics = result.summary.metrics
    assert metrics["tier.model_ms"].mean == pytest.approx(MODEL_MS)
    assert metrics["tier.backend_ms"].mean == pytest.approx(OWN_MS)
    assert metrics["tier.model_ms"].count == REQUESTS
    assert result.summary.work == {"model_calls": 1.0}
    assert result.fingerprint.parts["spans"] == "recorded"
    assert not [warning for warning in result.warnings if "span" in warning]


def test_missing_spans_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service without instrumentation has no tiers, and the warning names the cure after a bounded wait."""
    monkeypatch.chdir(tmp_path)
    result = run(otlp={"services": [], "last_batch": 0.5})
    assert not [key for key in result.summary.metrics if key.startswith("tier.")]
    (warning,) = [warning for warning in result.warnings if "span" in warning]
    assert "no span arrived at http://127.0.0.1:" in warning
    assert "auto-instrumentation" in warning


def test_the_difference_is_the_time_of_the_answering_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of each request belongs to the service, and a header without a number is a warning."""
    monkeypatch.chdir(tmp_path)
    places = {"model": {"header": "x-model-duration"}, "cache": {"header": "x-broken"}}
    result = run({"tiers": places, "remainder": "web"})
    metrics = result.summary.metrics
    service_ms = metrics["service_ms"].mean
    assert metrics["tier.model_ms"].mean == pytest.approx(MODEL_MS)
    assert metrics["tier.web_ms"].mean == pytest.approx(service_ms - MODEL_MS, abs=0.01)
    assert metrics["tier.unattributed_ms"].mean == pytest.approx(0.0, abs=0.01)
    warning = f"{REQUESTS} answers had no duration in the header `x-broken` for the tier `cache`"
    assert warning in result.warnings


def test_a_histogram_gives_a_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service without times in its answers has the mean of its histogram, and the rest is its own."""
    monkeypatch.chdir(tmp_path)
    missing = {"service": "backend", "series": "other_seconds"}
    result = run(histograms={"model": {"service": "backend", "series": "model_seconds"}, "gpu": missing})
    metrics = result.summary.metrics
    assert metrics["tier.model_ms"].mean == pytest.approx(MODEL_MS)
    assert metrics["tier.model_ms"].count == REQUESTS
    own_ms = metrics["tier.backend_ms"].mean
    assert own_ms == pytest.approx(metrics["service_ms"].mean - MODEL_MS, abs=0.01)
    (warning,) = [warning for warning in result.warnings if "`gpu`" in warning]
    assert "has no values with this name" in warning
