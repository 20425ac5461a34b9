"""Scenarios that name the Python file of a turn."""

from pathlib import Path

import pytest

from bench.core.config.turn import TurnFile
from bench.errors import ConfigError
from bench.measure.load.turn_file import import_turn
from bench.store.scenarios import load

SCENARIO = """\
name: mine
purpose: A test.
seed: 1
turn: shop.py
executor: per-vu-iterations
vus: 1
iterations: 1
"""
TURN = "async def turn(user):\n    pass\n"


def write(fields: str = "service: backend\n", turn: str | None = TURN) -> str:
    """Write a scenario with its turn, and return its path."""
    folder = Path("scenarios")
    folder.mkdir()
    if turn is not None:
        (folder / "shop.py").write_text(turn)
    (folder / "mine.yaml").write_text(SCENARIO + fields)
    return str(folder / "mine.yaml")


def fail(path: str) -> str:
    """Return the message with which a scenario is refused."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value.message


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_scenario_has_the_source_of_its_turn() -> None:
    """The source travels with the scenario, so that all load generators run the same."""
    spec = load(write())
    assert spec.turn == TurnFile(path=str(Path("scenarios/shop.py").resolve()), source=TURN)
    assert spec.is_journey


def test_thresholds_may_name_steps_and_milestones_of_a_turn() -> None:
    """Only the run shows which steps a turn has."""
    limits = '{"e2e_ms{step:ask}": ["p(95)<800"], milestone.first_document_ms: ["p(95)<500"]}'
    spec = load(write(f"service: backend\nthresholds: {limits}\n"))
    assert spec.scenario.thresholds.keys() == {"e2e_ms{step:ask}", "milestone.first_document_ms"}


def test_a_turn_of_a_mix_has_the_name_of_its_scenario() -> None:
    """Steps of equal names in two scenarios of a mix stay apart."""
    spec = load(write())
    Path("scenarios/both.yaml").write_text(
        SCENARIO.replace("name: mine", "name: both").replace("turn: shop.py", "mix: [{scenario: mine}]")
    )
    (part,) = load("scenarios/both.yaml").parts
    assert spec.turn is not None
    assert part.turn is not None
    assert (spec.turn.prefix, part.turn.prefix) == ("", "mine/")


def test_a_missing_or_wrong_file_is_an_error_with_its_line() -> None:
    """The line is that of the scenario if the file is missing, else that of the file."""
    path = write(turn=None)
    assert fail(path) == "scenarios/mine.yaml:4: turn: there is no file shop.py"
    Path("scenarios/shop.py").write_text("x = 1\ndef turn(user): ...\n")
    assert fail(path).startswith("scenarios/shop.py:2: turn must be a coroutine")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("", "service is missing; the turn needs a service of the stack"),
        ("service: backend\nsteps: [{name: a, request: {path: /}}]\n", "steps: cannot be combined with turn"),
        ("service: backend\nmessages: [Hello]\n", "messages: cannot be combined with turn"),
        ("target: chat\nleave_at: first\n", "leave_at: cannot be combined with turn"),
        ("target: chat\ncompare_with: agent\n", "compare_with: cannot be combined with turn"),
    ],
)
def test_a_turn_replaces_steps_and_messages(fields: str, words: str) -> None:
    """Fields that describe the actions of a user contradict it."""
    assert words in fail(write(fields))


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("import json\nimport no_such_module\nasync def turn(user): ...\n", 2, "ModuleNotFoundError"),
        ("def f():\n    return 1 / 0\nf()\n", 2, "ZeroDivisionError: division by zero"),
        ("raise SystemExit(2)\n", 1, "SystemExit: 2"),
        ("turn = 3\n", 1, "turn is not a coroutine"),
    ],
)
def test_a_file_that_fails_is_an_error_with_its_line(source: str, line: int, words: str) -> None:
    """The file is run once before the load starts."""
    with pytest.raises(ConfigError) as caught:
        import_turn(TurnFile(path="/turns/shop.py", source=source))
    assert caught.value.message.startswith(f"/turns/shop.py:{line}: ")
    assert words in caught.value.message


def test_a_file_may_import_modules_of_its_folder() -> None:
    """Several turns may share code."""
    Path("sharedwords.py").write_text(TURN)
    file = TurnFile(path=str(Path("shop.py").resolve()), source="from sharedwords import turn\n")
    assert import_turn(file).__name__ == "turn"
