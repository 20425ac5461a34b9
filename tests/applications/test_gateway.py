"""The small gateway in front of a mock model, measured as its authors would."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command import bench

GATEWAY = Path(__file__).parent / "gateway"


def _run(results: Path, *options: str, env: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Run a second of load, and return the exit code and the summary."""
    arguments = ("--stack", "gateway", "--vus", "3", "--duration", "1s", "--no-calibration")
    done = bench("run", *options, *arguments, "--results", str(results), cwd=GATEWAY, env=env)
    (path,) = results.glob("*/result.json")
    return done.code, json.loads(path.read_text(encoding="utf-8"))["summary"]


def test_the_overhead_of_a_gateway_is_measured(tmp_path: Path) -> None:
    """Each message goes to the gateway and to the model, and the difference is the gateway's time."""
    code, summary = _run(tmp_path, "gateway-overhead", "--inject", "gateway.delay_ms=300")
    assert code == 0
    assert summary["outcomes"] == {"ok": summary["requests"]}
    assert summary["overhead"]["compare_with"] == "model"
    assert summary["overhead"]["pairs"] >= 3
    assert summary["overhead"]["mean_ms"] > 150
    assert summary["metrics"]["tokens"]["mean"] == 21


@pytest.mark.parametrize(
    ("model", "outcome"),
    [("mock-ttft5-n4-cut100", "bad_stream"), ("mock-ttft5-n4-err100-status429", "rate_limited")],
)
def test_the_faults_of_the_model_reach_the_clients_of_the_gateway(
    tmp_path: Path, model: str, outcome: str
) -> None:
    """The name of the model selects a fault, and the gateway's clients see it."""
    code, summary = _run(tmp_path, "gateway", "--model", model)
    assert code == 1
    assert set(summary["outcomes"]) == {outcome}
