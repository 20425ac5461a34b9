import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from bench.core.config.stack_tiers import Layers, StackLayer
from bench.core.config.target import JsonAnswer, Target
from bench.core.run.layers import compare_work
from bench.measure.calibration.calibrate import REFERENCE, REFERENCE_TARGET
from bench.measure.load.workers import start_workers
from bench.measure.stacks.processes import run_processes
from bench.measure.tiers.layers import LayerMeasurement
from bench.measure.tiers.run_tiers import RunTiers, TierSources

ECHO = Target(
    name="echo",
    service="reference",
    path="/echo",
    body={"message": "${message}"},
    answer=JsonAnswer(kind="json", text="text"),
    ready="/ready",
)
SLOW = StackLayer(tier="outer", target=REFERENCE_TARGET)
FAST = StackLayer(tier="inner", target=ECHO)
REFUSING = StackLayer(tier="inner", target=ECHO.model_copy(update={"path": "/nowhere"}))
OTHER = StackLayer(tier="third", target=ECHO.model_copy(update={"service": "elsewhere"}))


def layers(*tiers: StackLayer, **fields: Any) -> Layers:
    """Layers with two rounds, unless a field says otherwise."""
    return Layers(message="Hello?", tiers=tiers, **{"rounds": 2, **fields})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Address of a reference server."""
    with run_processes(REFERENCE, SecretStr("")) as live:
        yield live.url("reference")


def measure(
    url: str,
    declared: Layers,
    during: Callable[[LayerMeasurement], None] = lambda _: None,
    target_service: str | None = None,
) -> tuple[LayerMeasurement, list[str]]:
    """Measure layers of the reference server; return the measurement and its notes."""
    notes: list[str] = []

    async def work() -> LayerMeasurement:
        async with start_workers(1) as workers:
            urls = {"reference": url}
            measurement = LayerMeasurement(
                workers, declared, urls, target_service=target_service, on_note=notes.append
            )
            running = asyncio.create_task(measurement.run())
            await asyncio.sleep(0)
            during(measurement)
            await running
            return measurement

    return asyncio.run(work()), notes


def test_each_round_has_all_tiers(url: str) -> None:
    """Each round asks every tier that has an address once, and the line of progress names the limit."""
    measurement, notes = measure(url, layers(SLOW, FAST, OTHER))
    assert [list(times_ms) for times_ms in measurement.rounds] == [["outer", "inner"]] * 2
    assert min(times_ms["outer"] for times_ms in measurement.rounds) >= 180.0
    assert "outer, inner" in notes[0]
    assert "at most 60.0 s" in notes[0]


@pytest.mark.parametrize("target_service", ["elsewhere", None])
def test_nothing_is_asked_without_two_tiers(url: str, target_service: str | None) -> None:
    """A difference needs two tiers with addresses, from the target_service service inwards."""
    declared = layers(SLOW, OTHER) if target_service is None else layers(SLOW, FAST, OTHER)
    measurement, notes = measure(url, declared, target_service=target_service)
    assert (list(measurement.rounds), notes) == ([], [])


def test_a_refusal_is_reported_once_and_ends_the_measurement(url: str) -> None:
    """The first refusal is a warning with its reason, and the second one ends the measurement."""
    measurement, notes = measure(url, layers(SLOW, REFUSING, rounds=1000))
    assert measurement.rounds == []
    assert "the tier `inner` refused a request" in measurement.warnings[0]
    assert not any("refused" in warning for warning in measurement.warnings[1:])
    assert "http_error" in measurement.warnings[0]
    assert notes[1:] == measurement.warnings


def test_the_limit_ends_the_measurement(url: str) -> None:
    """No round begins after the limit, and a warning gives the number of complete rounds."""
    measurement, _ = measure(url, layers(SLOW, FAST, rounds=1000, limit=1.0))
    rounds = len(measurement.rounds)
    assert rounds < 1000
    end = f"({rounds} of 1000 rounds): their limit of 1,000 ms was reached"
    assert any(end in warning for warning in measurement.warnings)


def test_ctrl_c_ends_the_measurement(url: str) -> None:
    """After Ctrl-C no further request is sent."""
    measurement, _ = measure(url, layers(SLOW, FAST, rounds=1000), during=LayerMeasurement.stop)
    assert measurement.rounds == []
    assert "Ctrl-C ended them" in measurement.warnings[0]


def test_an_interrupt_ends_a_request_that_waits(url: str) -> None:
    """The event of Ctrl-C ends the measurement while a request is in progress."""

    async def work() -> RunTiers:
        sources = TierSources(urls={"reference": url}, layers=layers(SLOW, FAST, rounds=1000))
        async with start_workers(1) as workers:
            tiers = RunTiers(sources)
            interrupted = asyncio.Event()
            measuring = asyncio.create_task(tiers.measure_layers(workers, (), interrupted))
            await asyncio.sleep(0.3)
            interrupted.set()
            await measuring
            return tiers

    (warning,) = asyncio.run(work()).warnings.values()
    assert "Ctrl-C ended them" in warning


def test_tiers_with_other_work_are_reported(url: str) -> None:
    """A tier that takes longer than the tier that calls it did other work."""
    inner = StackLayer(tier="inner", target=REFERENCE_TARGET)
    measurement, _ = measure(url, layers(StackLayer(tier="outer", target=ECHO), inner, rounds=5))
    assert any("they did not do the same work" in warning for warning in measurement.warnings)


def test_one_slow_call_is_no_other_work() -> None:
    """Few rounds do not show whether a tier did other work, since the machine may have delayed one call."""
    slow_inner = {"outer": 10.0, "inner": 500.0}
    assert compare_work([slow_inner, slow_inner]) == []
    assert compare_work([slow_inner, {"outer": 10.0, "inner": 9.0}, {"outer": 10.0, "inner": 9.0}]) == []
    assert len(compare_work([slow_inner] * 3)) == 1
