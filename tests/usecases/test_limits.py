from pathlib import Path

import pytest

from bench.store import stacks
from bench.usecases.plan_run import load_spec

OWN_STACK = """\
name: mine
purpose: An application of the user.
services:
  backend: {command: [node, server.js]}
THRESHOLDS"""
OWN_SCENARIO = """\
name: mine
purpose: A scenario of the user.
extends: quick
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of scenarios, which is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios" / "stacks").mkdir(parents=True)
    return tmp_path / "scenarios"


def _limits(scenario: str, stack: str) -> dict[str, list[str]]:
    thresholds = load_spec(scenario, stacks.load(stack), {}).scenario.thresholds
    return {key: [str(limit.expression) for limit in limits] for key, limits in thresholds.items()}


def test_time_limits_of_shipped_scenarios_are_for_shipped_stacks() -> None:
    """An application at an address has times of its own; its success is still limited."""
    assert set(_limits("quick", "embedded")) == {"e2e_ms", "success_ratio"}
    assert set(_limits("quick", "compose")) == {"e2e_ms", "success_ratio"}
    assert set(_limits("quick", "external")) == {"success_ratio"}


def test_a_stack_of_the_user_has_its_own_time_limits(folder: Path) -> None:
    """Without `thresholds` it has none."""
    path = folder / "stacks" / "mine.yaml"
    path.write_text(OWN_STACK.replace("THRESHOLDS", ""))
    assert set(_limits("quick", "mine")) == {"success_ratio"}
    path.write_text(OWN_STACK.replace("THRESHOLDS", 'thresholds: {e2e_ms: ["p(95)<8000"]}\n'))
    assert _limits("quick", "mine")["e2e_ms"] == ["p(95)<8000"]


def test_limits_of_a_scenario_of_the_user_apply_everywhere(folder: Path) -> None:
    """They wrote them for their own stack."""
    (folder / "mine.yaml").write_text(OWN_SCENARIO)
    assert _limits("mine", "external")["e2e_ms"] == ["p(95)<5000"]
