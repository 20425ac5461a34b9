from pathlib import Path

import pytest

from bench.core.sample import GENERATOR, HOST
from bench.core.scenario import Scenario
from bench.core.stack import WATCHING, Stack
from bench.measure.provenance import fingerprint
from bench.measure.run import Conditions, Listener, measure
from bench.store import scenarios, stacks

DEAF = Listener(progress=lambda _: None, note=lambda _: None, warning=lambda _: None)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JWT_SECRET", raising=False)


def test_a_run_is_watched() -> None:
    """Every check and gauge that the stack declares is in the result, with the machine, and no warning."""
    brief, stack = scenarios.load("quick"), stacks.load("embedded")
    stage = {"kind": "fixed-users", "users": 2, "duration_s": 5.0, "pause_s": [0.1, 0.2]}
    content = brief.scenario.model_dump(mode="json") | {"stages": [stage], "thresholds": {}}
    short = brief.model_copy(update={"scenario": Scenario.model_validate(content)})
    result, recording = measure(short, stack, Conditions(certified=False), DEAF)
    assert {*result.summary.availability} == {*stack.checks} == {"backend", "chat", "agent", "model"}
    assert all(each.outages == () for each in result.summary.availability.values())
    declared = {(service, name) for service, gauges in stack.gauges.items() for name in gauges.read}
    assert {(each.service, each.name) for each in recording.gauges} == declared
    assert {GENERATOR, HOST, *stack.services} == {*result.summary.resources}
    assert result.warnings == ()


def test_how_a_stack_is_watched_makes_no_baseline_incomparable() -> None:
    """The digest of a stack is the same with and without its checks, gauges and limits."""
    brief, stack = scenarios.load("quick"), stacks.load("embedded")
    content = stack.model_dump(mode="json") | {"thresholds": {"e2e_ms": ["p(95)<60000"]}}
    assert content.keys() >= WATCHING
    assert all(content[name] for name in WATCHING)
    unwatched = Stack.model_validate({key: value for key, value in content.items() if key not in WATCHING})
    assert fingerprint(brief, unwatched) == fingerprint(brief, Stack.model_validate(content))
