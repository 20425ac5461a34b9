import asyncio
import re
import signal
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.stack import MONITORING_FIELDS, Stack
from bench.core.config.watching import Readings
from bench.core.samples.sample import GENERATOR, HOST, GaugeSample, Outcome
from bench.measure.run.provenance import fingerprint
from bench.measure.run.recorder import record
from bench.measure.run.run import Conditions, Listener, measure, prepare
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.watch.watching import WatchedStack, open_watch
from bench.store import scenarios, stacks
from tests.measure.loopback import response, server

DEAF = Listener(progress=lambda _: None, note=lambda _: None, warning=lambda _: None)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JWT_SECRET", raising=False)


def _short(spec: RunSpec, phase: dict[str, object]) -> RunSpec:
    """A brief of one stage, without limits."""
    content = spec.scenario.model_dump(mode="json") | {"phases": [phase], "thresholds": {}}
    return spec.model_copy(update={"scenario": Scenario.model_validate(content)})


def test_a_run_is_watched() -> None:
    """Every check and gauge that the stack declares is in the result, with the machine, and no warning."""
    spec, stack = scenarios.load("quick"), stacks.load("embedded")
    phase = {"executor": "constant-vus", "vus": 2, "duration_s": 5.0, "think_time_s": (0.1, 0.2)}
    short = _short(spec, phase)
    result, recording = measure(short, stack, Conditions(calibrated=False), DEAF)
    assert {*result.summary.availability} == {*stack.checks} == {"backend", "chat", "agent", "model"}
    assert all(each.outages == () for each in result.summary.availability.values())
    declared = {(service, name) for service, gauges in stack.gauges.items() for name in gauges.read}
    assert {(each.service, each.name) for each in recording.gauges} == declared
    assert {GENERATOR, HOST, *stack.services} == {*result.summary.resources}
    assert result.warnings == ()


def test_sigterm_still_cleans_up_after_a_load() -> None:
    """What SIGTERM did before a load it does after it: stack and test users are still to be removed."""
    spec, stack = scenarios.load("quick"), stacks.load("embedded")
    phase = {"executor": "per-vu-iterations", "vus": 1, "iterations": 1, "duration_s": 60.0}
    short = _short(spec, phase)

    def ours(number: int, _: object) -> None:
        raise KeyboardInterrupt(number)

    before = signal.signal(signal.SIGTERM, ours)
    try:
        measure(short, stack, Conditions(calibrated=False), DEAF)
        assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGTERM, before)


def test_who_asks_for_the_dead_keeps_nobody_waiting() -> None:
    """An engine that is slow to answer delays no beginning of a stage, no health check and no token."""
    spec, stack = scenarios.load("quick"), stacks.load("embedded")
    phase = {"executor": "constant-vus", "vus": 1, "duration_s": 1.5, "think_time_s": (0.1, 0.2)}
    short, asked_by = _short(spec, phase), set[threading.Thread]()

    def dead() -> None:
        asked_by.add(threading.current_thread())

    with prepare(short, stack, Conditions(calibrated=False), "a-run", DEAF) as subject:
        record(short, replace(subject, find_dead_service=dead), DEAF.progress)
    assert asked_by
    assert threading.main_thread() not in asked_by


def test_a_fault_in_a_reader_loses_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A health check, the processes and who asks for the dead all break: the load is measured to its end."""
    spec, stack = scenarios.load("quick"), stacks.load("embedded")
    phase = {"executor": "constant-vus", "vus": 1, "duration_s": 3.0, "think_time_s": (0.1, 0.2)}
    short = _short(spec, phase)

    def wrong(*_: object) -> str:
        raise ZeroDivisionError

    with prepare(short, stack, Conditions(calibrated=False), "a-run", DEAF) as subject:
        assert subject.watched is not None
        monkeypatch.setattr(psutil.Process, "io_counters", wrong)
        watched = replace(subject.watched, token=wrong)
        recording = record(short, replace(subject, watched=watched, find_dead_service=wrong), DEAF.progress)
    assert recording.stop is None
    assert len(recording.samples) > 0
    assert {each.source for each in recording.resources} == {HOST}
    assert {each.check for each in recording.probes} == {*stack.checks} - {"chat"}
    broken = [re.match(r"the reader '([\w ]+)' crashed after [\d.]+ s", said) for said in recording.warnings]
    assert sorted(found[1] for found in broken if found) == ["check chat", "dead services", "processes"]
    assert len(broken) == 3


@pytest.mark.parametrize("twice", [0, 1])
def test_a_message_has_its_work(twice: int) -> None:
    """What messages make the services do is exact: no control, health check or reading is counted in it."""
    spec, stack = scenarios.load("quick"), stacks.load("embedded")
    content = stack.model_dump(mode="json")
    content["services"]["agent"]["knobs"]["asks_twice"] = "AGENT_ASKS_TWICE"
    phase = {"executor": "per-vu-iterations", "vus": 2, "iterations": 3, "duration_s": 60.0}
    short = _short(spec, phase)
    conditions = Conditions(injections={"agent.asks_twice": float(twice)})
    result, recording = measure(short, Stack.model_validate(content), conditions, DEAF)
    assert result.summary.outcomes == {Outcome.OK: 6}
    assert any(probe.check == "chat" for probe in recording.probes)
    work = result.summary.work
    assert work["model_calls"] == 1 + twice
    assert (
        work["database_operations"] == 3
    )  # the token's revocation, its user, and the note that they chatted
    assert recording.work["answer_bytes"] > 0
    assert result.warnings == ()


def test_counters_are_read_when_asked() -> None:
    """Not at each interval; and what one service does not say leaves nothing that is known of all."""
    counted = {"hits": "hits_total"}

    async def run() -> tuple[list[GaugeSample] | None, list[GaugeSample] | None, dict[str, str], int]:
        async with server([response(b"hits_total 12.0\n")]) as (good, seen), server([]) as (bad, _):
            one, both = (
                Stack(
                    name="trial",
                    purpose="A test.",
                    counters={name: Readings(read=counted) for name in names},
                )
                for names in (("backend", "elsewhere"), ("backend", "agent"))
            )
            urls = {"backend": good, "agent": bad}
            async with open_watch(WatchedStack(RunningStack(one, {}, urls))) as watch:
                found = await watch.read_counters()
            async with open_watch(WatchedStack(RunningStack(both, {}, urls))) as watch:
                return found, await watch.read_counters(), watch.warnings, len(seen.heads)

    found, nothing, warnings, asked = asyncio.run(run())
    assert found == [GaugeSample(at_s=0.0, service="backend", name="hits", value=12.0)]
    assert nothing is None
    assert [*warnings] == ["counters agent"]
    assert asked == 2


def test_how_a_stack_is_watched_makes_no_baseline_incomparable() -> None:
    """The digest of a stack is the same with and without its checks, gauges and limits."""
    spec, stack = scenarios.load("quick"), stacks.load("embedded")
    content = stack.model_dump(mode="json") | {"thresholds": {"e2e_ms": ["p(95)<60000"]}}
    assert content.keys() >= MONITORING_FIELDS
    assert all(content[name] for name in MONITORING_FIELDS)
    unwatched = Stack.model_validate(
        {key: value for key, value in content.items() if key not in MONITORING_FIELDS}
    )
    assert fingerprint(spec, unwatched) == fingerprint(spec, Stack.model_validate(content))
