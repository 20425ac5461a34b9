import asyncio
import os
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.stack import MONITORING_FIELDS, Stack
from bench.core.config.watching import Readings
from bench.core.run.recorded_values import RecordedValues
from bench.core.run.run_store import MemoryStore
from bench.core.samples.sample import GENERATOR, HOST, GaugeSample, Outcome, StopCause
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.provenance import fingerprint
from bench.measure.run.recorder import record
from bench.measure.run.run import measure, prepare
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.watch.watching import WatchedStack, open_watch
from bench.store import scenarios, stacks
from tests.measure.loopback import response, server

# Longer than any test needs; the test ends it.
LONG = {"executor": "constant-vus", "vus": 1, "duration_s": 600.0, "think_time_s": (0.1, 0.2)}
CRASHES = ["check chat", "dead services", "processes"]
SILENT = Listener(progress=lambda _: None, note=lambda _: None, warning=lambda _: None)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JWT_SECRET", raising=False)


class EndingStore(MemoryStore):
    """Ends a run by Ctrl-C as soon as its values suffice, so that no test needs a duration.

    Args:
        suffices: Returns whether the values so far suffice.
    """

    def __init__(self, suffices: Callable[[list[RecordedValues]], bool]) -> None:
        super().__init__()
        self._suffices = suffices
        self._has_ended = False

    def note(self, values: RecordedValues) -> None:
        """Add values, and end the run if they suffice."""
        super().note(values)
        if not self._has_ended and self._suffices([*self.read_values()]):
            self._has_ended = True
            os.kill(os.getpid(), signal.SIGINT)


def _short(spec: RunSpec, phase: dict[str, object]) -> RunSpec:
    """Return a run spec of one phase, without thresholds."""
    content = spec.scenario.model_dump(mode="json") | {"phases": [phase], "thresholds": {}}
    return spec.model_copy(update={"scenario": Scenario.model_validate(content)})


def test_a_run_contains_the_samples_of_all_readers() -> None:
    """The recording contains every declared check and gauge, the host and all processes."""
    spec, stack = scenarios.load("quick"), stacks.load("embedded")
    declared = {(service, name) for service, gauges in stack.gauges.items() for name in gauges.read}
    sources = {GENERATOR, HOST, *stack.services}

    def suffices(noted: list[RecordedValues]) -> bool:
        up = {probe.check for values in noted for probe in values.probes if probe.up}
        read = {(gauge.service, gauge.name) for values in noted for gauge in values.gauges}
        seen = {sample.source for values in noted for sample in values.resources}
        return (up, read, seen) == ({*stack.checks}, declared, sources)

    assert {*stack.checks} == {"backend", "chat", "agent", "model"}
    with prepare(_short(spec, LONG), stack, Conditions(calibrated=False), "a-run", SILENT) as subject:
        recording = record(_short(spec, LONG), replace(subject, store=EndingStore(suffices)), SILENT.progress)
    assert recording.stop is not None
    assert recording.stop.cause is StopCause.INTERRUPT, "the values were never complete"
    assert not [warning for warning in recording.warnings if "crashed" in warning]


def test_the_sigterm_handler_is_restored_after_a_load() -> None:
    """The stack and its test users are not yet removed then."""
    spec, stack = scenarios.load("quick"), stacks.load("embedded")
    phase = {"executor": "per-vu-iterations", "vus": 1, "iterations": 1, "duration_s": 60.0}
    short = _short(spec, phase)

    def interrupt(number: int, _: object) -> None:
        raise KeyboardInterrupt(number)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        measure(short, stack, Conditions(calibrated=False), SILENT)
        assert signal.getsignal(signal.SIGTERM) is interrupt
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_search_for_dead_services_runs_in_a_thread() -> None:
    """A slow engine delays no phase, no health check and no token."""
    spec, stack = scenarios.load("quick"), stacks.load("embedded")
    short, threads = _short(spec, LONG), set[threading.Thread]()

    def find() -> None:
        threads.add(threading.current_thread())

    with prepare(short, stack, Conditions(calibrated=False), "a-run", SILENT) as subject:
        store = EndingStore(lambda _: bool(threads))
        record(short, replace(subject, find_dead_service=find, store=store), SILENT.progress)
    assert threads
    assert threading.main_thread() not in threads


def test_bugs_in_readers_do_not_end_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A health check, the process reader and the search for dead services crash; the load goes on."""
    spec, stack = scenarios.load("quick"), stacks.load("embedded")
    short = _short(spec, LONG)
    others = {*stack.checks} - {"chat"}

    def wrong(*_: object) -> str:
        raise ZeroDivisionError

    def suffices(noted: list[RecordedValues]) -> bool:
        checks = {probe.check for values in noted for probe in values.probes}
        sources = {sample.source for values in noted for sample in values.resources}
        crashes = {warning for values in noted for warning in values.warnings if "crashed" in warning}
        return others <= checks and HOST in sources and len(crashes) == len(CRASHES)

    with prepare(short, stack, Conditions(calibrated=False), "a-run", SILENT) as subject:
        assert subject.watched is not None
        monkeypatch.setattr(psutil.Process, "io_counters", wrong)
        watched = replace(subject.watched, token=wrong)
        broken = replace(subject, watched=watched, find_dead_service=wrong, store=EndingStore(suffices))
        recording = record(short, broken, SILENT.progress)
    assert recording.stop is not None
    assert recording.stop.cause is StopCause.INTERRUPT, "a reader ended the run, or it did not crash"
    assert len(recording.samples) > 0
    assert {sample.source for sample in recording.resources} == {HOST}
    assert {probe.check for probe in recording.probes} == others
    matches = [
        re.match(r"the reader '([\w ]+)' crashed after [\d.]+ s", warning) for warning in recording.warnings
    ]
    assert sorted(match[1] for match in matches if match) == CRASHES
    assert len(matches) == len(CRASHES)


@pytest.mark.parametrize("twice", [0, 1])
def test_the_work_of_a_message_is_exact(twice: int) -> None:
    """It excludes the reference workload, health checks and readings."""
    spec, stack = scenarios.load("quick"), stacks.load("embedded")
    content = stack.model_dump(mode="json")
    content["services"]["agent"]["knobs"]["asks_twice"] = "AGENT_ASKS_TWICE"
    phase = {"executor": "per-vu-iterations", "vus": 2, "iterations": 3, "duration_s": 60.0}
    short = _short(spec, phase)
    conditions = Conditions(injections={"agent.asks_twice": float(twice)})
    result, recording = measure(short, Stack.model_validate(content), conditions, SILENT)
    assert result.summary.outcomes == {Outcome.OK: 6}
    assert any(probe.check == "chat" for probe in recording.probes)
    work = result.summary.work
    assert work["model_calls"] == 1 + twice
    assert (
        work["database_operations"] == 3
    )  # reads the token's revocation and the user, writes the time of the chat
    assert recording.work["answer_bytes"] > 0
    unsent = "7 of 13 messages were not sent"  # six requests cannot send thirteen
    assert [warning for warning in result.warnings if warning.startswith(unsent)]


def test_counters_are_read_once() -> None:
    """They have no interval. A missing counter of one service makes the sum unknown."""
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


def test_watching_fields_do_not_change_the_digest_of_a_stack() -> None:
    """The digest is the same with and without checks, gauges, limits and the files of a tier."""
    spec, stack = scenarios.load("quick"), stacks.load("embedded")
    added = {"thresholds": {"e2e_ms": ["p(95)<60000"]}, "files": {"decode": ["model/**"]}}
    content = stack.model_dump(mode="json") | added
    assert content.keys() >= MONITORING_FIELDS
    assert all(content[name] for name in MONITORING_FIELDS)
    unwatched = Stack.model_validate(
        {key: value for key, value in content.items() if key not in MONITORING_FIELDS}
    )
    assert fingerprint(spec, unwatched) == fingerprint(spec, Stack.model_validate(content))
