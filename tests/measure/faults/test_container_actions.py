import pytest

from bench.errors import MeasurementError
from bench.measure.faults.container_actions import ContainerActions
from bench.measure.stacks import docker


def test_each_fault_is_one_command_of_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a container is declared before the engine ends it, and forgotten when it is healthy."""
    absent: set[str] = set()
    commands: list[tuple[str, frozenset[str]]] = []

    def note(command: list[str], _: str) -> str:
        commands.append((" ".join(command[2:]), frozenset(absent)))
        return ""

    monkeypatch.setattr(docker, "run", note)
    monkeypatch.setattr(docker, "inspect", lambda _: ())
    actions = ContainerActions({"mongodb": "c0ffee"}, absent, 60.0)
    actions.kill("mongodb")
    actions.start("mongodb")
    actions.stop("mongodb")
    actions.start("mongodb")
    actions.pause("mongodb")
    actions.resume("mongodb")
    ended = frozenset({"c0ffee"})
    assert commands == [
        ("kill c0ffee", ended),
        ("start c0ffee", ended),
        ("stop c0ffee", ended),
        ("start c0ffee", ended),
        ("pause c0ffee", frozenset()),
        ("unpause c0ffee", frozenset()),
    ]
    with pytest.raises(MeasurementError, match="cannot be filled"):
        actions.fill_disk("mongodb")
