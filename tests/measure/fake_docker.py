"""A fake `docker` program that stores its calls and prints the answers of a test."""

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.core.config.test_compose import inspected

_PROGRAM = """#!{python} -SE
import json, os, sys
from pathlib import Path

home = Path(os.environ["DOCKER_FAKE"])
arguments = sys.argv[1:]
with (home / "calls").open("a") as calls:
    print(json.dumps({{"arguments": arguments, "env": dict(os.environ)}}), file=calls)
settings = json.loads((home / "answers").read_text())
words = " ".join(arguments)
up = home / "up"
for start, (code, out, err) in settings["answers"].items():
    if start in words:
        print(out)
        print(err, file=sys.stderr)
        sys.exit(code)
match arguments:
    case ["compose", *_, "config"]:
        print(json.dumps(settings["config"]))
    case ["compose", *_, "up", "--detach", "--no-build"] | ["compose", *_, "--scale", _]:
        up.touch()
        files = [name for flag, name in zip(arguments, arguments[1:]) if flag == "--file"]
        (home / "files").write_text(json.dumps({{name: Path(name).read_text() for name in files}}))
    case ["container", "ls", *_] if up.exists():
        print(*(each["Id"] for each in settings["containers"]))
    case ["container", "inspect", *ids]:
        found = [each for each in settings["containers"] if each["Id"] in ids] if up.exists() else []
        print(json.dumps(found))
        if len(found) < len(ids):
            sys.exit("Error: No such container: x")
    case ["rm", *_]:
        up.unlink(missing_ok=True)
    case ["image", "inspect", *_]:
        print("sha256:" + "0" * 64)
    case ["logs", *_]:
        print(settings["log"])
"""


class FakeDocker:
    """The answers of the program, which a test may change before `write`, and its calls.

    Args:
        folder: The folder of the program.
    """

    def __init__(self, folder: Path) -> None:
        self._home = folder
        self.answers: dict[str, tuple[int, str, str]] = {}
        self.config: dict[str, Any] = {"services": {"backend": {"image": "ours:1"}, "db": {"image": "db:1"}}}
        self.containers = [inspected("backend"), inspected("db", ports={})]
        self.log = "listening"
        folder.mkdir()
        program = folder / "docker"
        program.write_text(_PROGRAM.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.write()

    def write(self) -> None:
        """Give the answers to the program."""
        content = {
            "answers": self.answers,
            "config": self.config,
            "containers": self.containers,
            "log": self.log,
        }
        (self._home / "answers").write_text(json.dumps(content))

    def start(self) -> None:
        """Start the containers, as `compose up` does."""
        (self._home / "up").touch()

    @property
    def calls(self) -> list[list[str]]:
        """Arguments of each call."""
        return [call["arguments"] for call in self._read()]

    @property
    def up_environment(self) -> dict[str, str]:
        """Variables of `compose up`."""
        variables: dict[str, str] = next(call["env"] for call in self._read() if "up" in call["arguments"])
        return variables

    @property
    def compose_files(self) -> dict[str, str]:
        """Contents of the files that `compose up` got, by path."""
        contents: dict[str, str] = json.loads((self._home / "files").read_text())
        return contents

    def was_called(self, *words: str) -> bool:
        """Return whether a call begins with these words."""
        return any(call[: len(words)] == list(words) for call in self.calls)

    def listed(self, label: str) -> bool:
        """Return whether a call listed the containers with a label."""
        return self.was_called(
            "container", "ls", "--all", "--no-trunc", "--quiet", "--filter", f"label={label}"
        )

    def _read(self) -> list[dict[str, Any]]:
        calls = self._home / "calls"
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """Put the program first on PATH."""
    fake = FakeDocker(folder / "fake")
    monkeypatch.setenv("PATH", f"{folder / 'fake'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_FAKE", str(folder / "fake"))
    return fake
