import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bench.core.calibration.reference_workload import PINNED
from bench.core.config.stack import Asked, Layer, Layers
from bench.core.config.target import JsonAnswer, Target
from bench.measure.calibration import reference_workload
from bench.measure.calibration.calibrate import REFERENCE, REFERENCE_TARGET
from bench.measure.load.layers import measure_layers
from bench.measure.load.repeat_request import repeat_request
from bench.measure.load.workers import Workers, start_workers
from bench.measure.run.run import Conditions, Listener, measure
from bench.measure.stacks.processes import run_processes
from tests.factories import make_scenario, make_spec

ECHO = Target(
    name="echo",
    service="reference",
    path="/echo",
    body={"message": "${message}"},
    answer=JsonAnswer(kind="json", text="text"),
    ready="/ready",
)
NOWHERE = ECHO.model_copy(update={"path": "/nowhere"})
SLOW = Layer(tier="outer", target=REFERENCE_TARGET)
FAST = Layer(tier="inner", target=ECHO)


def asking(what: Callable[[Workers, str], Awaitable[Any]]) -> Any:
    """What comes of asking the server of known timing."""

    async def work() -> Any:
        with run_processes(REFERENCE, SecretStr(""), {}) as live:
            async with start_workers(1) as workers:
                return await what(workers, live.url("reference"))

    return asyncio.run(work())


def test_each_answer_has_its_time() -> None:
    """As many times as requests were answered, each at least what the server is known to take."""
    asked = Asked(target=REFERENCE_TARGET, message="Hello?", repeats=3)
    times_ms = asking(lambda workers, url: repeat_request(workers, asked, url))
    assert len(times_ms) == 3
    assert min(times_ms) >= 180.0


def test_work_takes_time() -> None:
    """Every piece of the pinned work takes some."""
    found = reference_workload.time_local_work() | asking(reference_workload.time_echo)
    assert found.keys() == {"arithmetic", "json", "echo"}
    assert min(found.values()) > 0


def test_an_unanswered_control_is_none() -> None:
    """A control that is refused says nothing, rather than that it was quick."""
    refused, answered = (Asked(target=target, message="Hello?", repeats=2) for target in (NOWHERE, ECHO))
    assert asking(lambda workers, url: reference_workload.time_pinned_request(workers, refused, url)) == {}
    assert asking(
        lambda workers, url: reference_workload.time_pinned_request(workers, answered, url)
    ).keys() == {PINNED}


@pytest.mark.parametrize(
    ("tiers", "service", "rounds"),
    [
        ((SLOW, FAST), "reference", 2),
        ((SLOW, FAST), "other", 0),
        ((SLOW, Layer(tier="inner", target=NOWHERE)), "reference", 0),
    ],
)
def test_tiers_are_asked_in_turns(tiers: tuple[Layer, ...], service: str, rounds: int) -> None:
    """Each round has all tiers that can be reached, and is none when one of them did not answer."""
    layers = Layers(message="Hello?", tiers=tiers, rounds=2)
    found = asking(lambda workers, url: measure_layers(workers, layers, {service: url}, ()))
    assert len(found) == rounds
    assert all(list(each) == ["outer", "inner"] and each["outer"] >= 180.0 for each in found)


def test_a_run_knows_its_machine_and_its_tiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of a stack that declares a control and layers has a pace, and tiers that no answer told."""
    monkeypatch.chdir(tmp_path)
    stack = REFERENCE.model_copy(
        update={
            "reference_workload": Asked(target=ECHO, message="Hello?", repeats=3),
            "layers": Layers(message="Hello?", tiers=(SLOW, FAST), rounds=2),
        }
    )
    scenario = make_scenario(
        phases=[{"executor": "per-vu-iterations", "vus": 1, "iterations": 2}], thresholds={}
    )
    spec = make_spec(scenario).model_copy(update={"target": ECHO})
    listener = Listener(progress=lambda _: None, note=lambda _: None, warning=lambda _: None)
    result, _ = measure(spec, stack, Conditions(), listener)
    assert result.reference_workload is not None
    assert result.reference_workload.before_ms.keys() == {"arithmetic", "json", "echo", PINNED}
    assert result.reference_workload.pieces == {PINNED}
    assert result.summary.metrics.keys() >= {"tier.outer_ms", "tier.inner_ms"}
    assert (result.calibration is None) == (result.reference_workload is None)
