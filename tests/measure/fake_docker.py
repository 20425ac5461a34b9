"""A `docker` program that does nothing but remember what it was asked, and answer what a test wants."""

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

home, said = Path(os.environ["DOCKER_FAKE"]), sys.argv[1:]
with (home / "calls").open("a") as calls:
    print(json.dumps({{"said": said, "env": dict(os.environ)}}), file=calls)
answers = json.loads((home / "answers").read_text())
words, up = " ".join(said), home / "up"
for start, (code, out, err) in answers["said"].items():
    if start in words:
        print(out)
        print(err, file=sys.stderr)
        sys.exit(code)
match said:
    case ["context", "inspect", *_]:
        host = {{"docker": {{"Host": "unix:///nowhere/docker.sock"}}}}
        print(json.dumps({{"Name": "default", "Endpoints": host, "Storage": {{"TLSPath": "<IN MEMORY>"}}}}))
    case ["compose", *_, "config"]:
        print(json.dumps(answers["config"]))
    case ["compose", *_, "up", "--detach", "--no-build"]:
        up.touch()
    case ["container", "ls", *_] if up.exists():
        print(*(each["Id"] for each in answers["containers"]))
    case ["container", "inspect", *ids]:
        found = [each for each in answers["containers"] if each["Id"] in ids] if up.exists() else []
        print(json.dumps(found))
        if len(found) < len(ids):
            sys.exit("Error: No such container: x")
    case ["rm", *_]:
        up.unlink(missing_ok=True)
    case ["image", "inspect", *_]:
        print("sha256:" + "0" * 64)
    case ["logs", *_]:
        print(answers["log"])
"""


class FakeDocker:
    """The program's answers, which a test may change, and what it was asked.

    Args:
        folder: Where it is put.
    """

    def __init__(self, folder: Path) -> None:
        self._home = folder
        self.said: dict[str, tuple[int, str, str]] = {}
        self.config: dict[str, Any] = {"services": {"backend": {"image": "ours:1"}, "db": {"image": "db:1"}}}
        self.containers = [inspected("backend"), inspected("db", ports={})]
        self.log = "listening"
        folder.mkdir()
        program = folder / "docker"
        program.write_text(_PROGRAM.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.write()

    def write(self) -> None:
        """Let the program know what to answer from now on."""
        answers = {
            "said": self.said,
            "config": self.config,
            "containers": self.containers,
            "log": self.log,
        }
        (self._home / "answers").write_text(json.dumps(answers))

    def start(self) -> None:
        """Let the containers be there, as after `compose up`."""
        (self._home / "up").touch()

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of each call."""
        return [each["said"] for each in self._read()]

    @property
    def up_environment(self) -> dict[str, str]:
        """The variables that `compose up` saw."""
        found: dict[str, str] = next(each["env"] for each in self._read() if "up" in each["said"])
        return found

    def asked(self, *words: str) -> bool:
        """Whether a call begins with these words."""
        return any(call[: len(words)] == list(words) for call in self.calls)

    def looked_for(self, label: str) -> bool:
        """Whether all containers with a label were asked for."""
        return self.asked("container", "ls", "--all", "--no-trunc", "--quiet", "--filter", f"label={label}")

    def _read(self) -> list[dict[str, Any]]:
        calls = self._home / "calls"
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """Put the program before all others on PATH."""
    made = FakeDocker(folder / "fake")
    monkeypatch.setenv("PATH", f"{folder / 'fake'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_FAKE", str(folder / "fake"))
    return made
