from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from bench.errors import ConfigError
from bench.store import scenarios, stacks

HEAD = "name: mine\npurpose: A test.\ntarget: chat\nseed: 1\nprompts: prompts/forms.yaml\n"
CASES = yaml.safe_load(Path(__file__).with_name("file_errors.yaml").read_text(encoding="utf-8"))


class Kind(NamedTuple):
    """A kind of file that people write."""

    path: Path
    head: str
    load: Callable[[str], Any]


def load_with_messages(name: str) -> Any:
    """Read a scenario whose file of messages exists already."""
    write(Path("scenarios/mine.yaml"), f"{HEAD}executor: cases\n")
    return scenarios.load(name)


KINDS = {
    "scenario": Kind(Path("scenarios/mine.yaml"), HEAD, scenarios.load),
    "target": Kind(Path("scenarios/targets/mine.yaml"), "", scenarios.load_target),
    "stack": Kind(Path("scenarios/stacks/mine.yaml"), "", stacks.load),
    "prompts": Kind(Path("scenarios/prompts/forms.yaml"), "messages:\n", load_with_messages),
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: Path, text: str) -> None:
    """Write a file and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def fail(load: Callable[[str], Any], name: str) -> ConfigError:
    """Return the error of a file."""
    with pytest.raises(ConfigError) as caught:
        load(name)
    return caught.value


@pytest.mark.parametrize("case", CASES, ids=[f"{case['file']}: {case['text'][:40]}" for case in CASES])
def test_an_error_names_file_line_field_and_the_correct_name(case: dict[str, Any]) -> None:
    """Each line of the message is one error: file, line, field, and the name or value that is correct."""
    kind = KINDS[case["file"]]
    write(kind.path, kind.head + case["text"])
    error = fail(kind.load, "mine")
    assert error.message.splitlines() == [f"{kind.path}:{line}" for line in case["errors"]]
    if error.hint is not None:
        assert error.hint == f"all fields: bench schema {case['file']}"


def test_a_target_is_found_by_its_name() -> None:
    """A target in the user's folder or a shipped one; the hint suggests the nearest name."""
    assert scenarios.load_target("agent").name == "agent"
    answer = "answer: {kind: json, text: a}"
    write(KINDS["target"].path, f"name: mine\nservice: backend\npath: /ask\nbody: {{}}\nready: /\n{answer}\n")
    assert scenarios.load_target("mine").path == "/ask"
    error = fail(scenarios.load_target, "mien")
    assert (error.message, error.hint) == ("target 'mien' does not exist", "did you mean 'mine'?")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("pr: [quick, quik]\n", "1: pr[1]: scenario 'quik' does not exist", "did you mean 'quick'?"),
        ("pr:\n- quick\nnight: []\n", "3: night needs 1 or more", None),
        ("- quick\n", "1: the file must be a map of names to values, for example name: quick", None),
    ],
)
def test_an_error_of_the_suites_names_its_line(text: str, message: str, hint: str | None) -> None:
    """The file of suites has no schema, so its hint suggests only the nearest scenario."""
    write(Path("scenarios/suites.yaml"), text)
    error = fail(lambda _: scenarios.suites(), "")
    assert (error.message, error.hint) == (f"scenarios/suites.yaml:{message}", hint)


def test_an_error_of_the_messages_names_their_file() -> None:
    """Two messages with one id are an error of the prompts file, at the second one."""
    write(Path("scenarios/prompts/forms.yaml"), "messages:\n- {id: a, text: x}\n- {id: a, text: y}\n")
    write(KINDS["scenario"].path, f"{HEAD}executor: cases\n")
    error = fail(scenarios.load, "mine")
    place = "scenarios/prompts/forms.yaml:3: messages[1].id"
    assert error.message == f"{place}: two messages have the id 'a'; rename one of them"


def test_a_conversation_in_an_open_loop_is_an_error_at_prompts() -> None:
    """The scenario and its messages do not fit together; the error is in the scenario."""
    write(Path("scenarios/prompts/forms.yaml"), "messages:\n- {id: a, text: x, then: [y]}\n")
    write(KINDS["scenario"].path, f"{HEAD}executor: constant-arrival-rate\nrate: 1\nduration: 1s\n")
    error = fail(scenarios.load, "mine")
    assert error.message.startswith("scenarios/mine.yaml:5: prompts: message 'a' is a conversation, which ")
