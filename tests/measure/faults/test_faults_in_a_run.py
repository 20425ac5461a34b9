"""Real runs with faults on the embedded stack."""

from pathlib import Path
from typing import Any

import pytest

from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.stack import Stack
from bench.core.run.result import RunResult
from bench.errors import ConfigError
from bench.measure.faults.inject import make_injection
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.provenance import fingerprint
from bench.measure.run.run import measure
from bench.measure.stacks.running_stack import RunningStack
from bench.store import scenarios, stacks

PLAIN = Conditions(calibrated=False)
LOAD = {"executor": "constant-arrival-rate", "rate": 20, "duration": "3s", "max_vus": 100}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JWT_SECRET", raising=False)


def embedded() -> Stack:
    """The embedded stack with a fast model."""
    content = stacks.load("embedded").model_dump(mode="json")
    content["services"]["model"]["environment"] |= {"MODEL_DECODE_TPS": "20000"}
    return Stack.model_validate(content)


def spec_with(*faults: dict[str, Any], **changes: Any) -> RunSpec:
    """Twenty requests per second for three seconds, and some faults."""
    spec = scenarios.load("quick")
    content = spec.scenario.model_dump(mode="json") | {"phases": [LOAD], "thresholds": {}, "faults": faults}
    return spec.model_copy(update={"scenario": Scenario.model_validate(content | changes)})


def run(*faults: dict[str, Any], **changes: Any) -> RunResult:
    """The result of a run with faults."""
    return measure(spec_with(*faults, **changes), embedded(), PLAIN, Listener())[0]


def test_a_declared_death_is_a_result_and_no_invalid_run() -> None:
    """The agent dies and starts again behind a slow network: the run is valid, and thresholds judge it."""
    limits = {"lost_requests": "<1000", "availability": ">=1"}
    kill = {"at": "1s", "action": "kill", "service": "agent", "duration": "500ms"}
    slow = {"at": "0s", "action": "slow-network", "service": "model", "from": "agent", "latency": "60ms"}
    result = run(kill, slow, thresholds=limits)
    slowed, killed = result.summary.faults
    assert result.stop is None
    assert not any("ended" in reason or "did not happen" in reason for reason in result.validity.reasons)
    assert killed.began_s is not None
    assert killed.began_s >= 1.0
    assert killed.lasted_s is not None
    assert killed.lasted_s >= 0.5
    assert killed.lost > 0
    assert (slowed.name, slowed.lost) == ("slow network from agent to model (+60ms)", 0)
    assert (result.summary.metrics["e2e_ms"].p50 or 0.0) >= 120.0
    availability = result.summary.request_availability
    assert availability is not None
    assert availability.ratio < 1.0
    assert result.crossed == ("availability_ratio >=1",)


def test_a_stack_of_another_command_is_left_alone() -> None:
    """A persistent stack has no faults: nothing is ended, and the message says what to do."""
    faults = spec_with({"at": "1s", "action": "kill", "service": "agent"}).scenario.faults
    with pytest.raises(ConfigError, match="another command started stack 'embedded'") as caught:
        make_injection(faults, RunningStack(embedded(), {}, {}), None)
    assert caught.value.hint is not None
    assert "bench stack down --stack embedded" in caught.value.hint


def test_a_stack_elsewhere_is_refused_before_anything_starts() -> None:
    """No request is sent."""
    spec = spec_with({"at": "1s", "action": "kill", "service": "backend"})
    elsewhere = Conditions(urls={"backend": "http://127.0.0.1:1"}, calibrated=False)
    with pytest.raises(ConfigError, match="did not start the services of stack 'external'"):
        measure(spec, stacks.load("external"), elsewhere, Listener())


def test_faults_are_part_of_the_work() -> None:
    """Runs with different faults are not comparable, and a scenario without faults keeps its digest."""
    stack = embedded()
    kill = {"at": "1s", "action": "kill", "service": "agent"}
    digests = {
        fingerprint(spec_with(*faults), stack).work_digest for faults in ([], [kill], [{**kill, "at": "2s"}])
    }
    assert len(digests) == 3
