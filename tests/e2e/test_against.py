"""`bench check --against REF`, as a user runs it in the repository of an application."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli.app import main
from bench.core.config.version import Version
from bench.errors import Exit
from bench.measure.run.conditions import Listener
from bench.store import stacks
from bench.usecases.versions import load_stack_of
from tests.command import Done, bench

SERVER = """
import http.server, json, os, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(float(os.environ["DELAY_MS"]) / 1000)
        self.answer({"reply": "fine"})

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
STACK = """
name: app
purpose: A small server.
services:
  app:
    command: ["${python}", server.py, "${port}"]
    environment: {DELAY_MS: "20"}
    ready: /
"""
TARGET = """
name: app
service: app
path: /chat
body: {message: "${message}"}
answer: {kind: json, text: reply}
"""
SCENARIO = """
name: NAME
purpose: A short load.
target: app
seed: 1
messages: [Hello]
executor: constant-vus
vus: 2
duration: 300ms
"""
Call = Callable[..., Done]
COMPARE = ("--stack", "app", "--pairs", "3", "--no-calibration")


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """Provide a repository with an application, its stack and two scenarios, all committed."""
    root = tmp_path / "application"
    (root / "scenarios" / "stacks").mkdir(parents=True)
    (root / "scenarios" / "targets").mkdir()
    (root / "server.py").write_text(SERVER)
    (root / "scenarios" / "stacks" / "app.yaml").write_text(STACK)
    (root / "scenarios" / "targets" / "app.yaml").write_text(TARGET)
    for name in ("one", "two"):
        (root / "scenarios" / f"{name}.yaml").write_text(SCENARIO.replace("NAME", name))
    (root / "scenarios" / "suites.yaml").write_text("both: [one, two]\n")
    identity = ["-c", "user.name=Tess", "-c", "user.email=tess@example.invalid"]
    for arguments in (["init", "--quiet", "-b", "main"], ["add", "."], ["commit", "--quiet", "-m", "one"]):
        subprocess.run(["git", *identity, *arguments], cwd=root, check=True)
    return root


def _slow_down(application: Path) -> None:
    """Change the stack file of the folder, without a commit."""
    (application / "scenarios" / "stacks" / "app.yaml").write_text(STACK.replace('"20"', '"200"'))


@pytest.fixture
def call(application: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process, in the folder of the application."""
    monkeypatch.chdir(application)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr("sys.argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return Done(int(caught.value.code or 0), captured.out, captured.err)

    return run


def test_a_slower_folder_fails_against_its_branch(application: Path) -> None:
    """The change is in the stack file only, which each version has of its own; no baseline is needed."""
    stack = application / "scenarios" / "stacks" / "app.yaml"
    stack.write_text(STACK.replace('"20"', '"200"'))
    done = bench("check", "--suite", "both", "--against", "main", *COMPARE, "--out", "json", cwd=application)
    order = [line.split(":")[0] for line in done.err.splitlines() if "more at most" in line]
    if done.code == Exit.MEASUREMENT:  # a busy machine makes a run invalid
        assert "failed twice" in done.out
        return
    assert done.code == Exit.REGRESSION, done.err
    assert order == ["one, pair 1", "two, pair 1", "one, pair 2", "two, pair 2"]
    reports = json.loads(done.out)["reports"]
    assert {report["comparison"]["base_name"] for report in reports} == {"main"}
    assert {report["comparison"]["pairs"] for report in reports} == {3}
    command = ["git", "worktree", "list"]
    listed = subprocess.run(command, cwd=application, capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 1
    for folder in (application / "results").iterdir():
        assert bench("compare", str(folder), cwd=application).code == Exit.REGRESSION


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("one", "--against", "mian"), "cannot check out 'mian'", "did you mean 'main'?"),
        (("one", "--against", "--help"), "'--help' is not a commit", "name a branch"),
        (("three", "--against", "main"), "scenario 'three' does not exist", "did you mean"),
        (("one", "--against", "main", "--stack", "ap"), "stack 'ap' does not exist", "did you mean 'app'?"),
        (("one", "--against", "main", "--stack", "external"), "runs elsewhere", "bench ab http://"),
        (("one", "--against", "main", "--url", "http://127.0.0.1:1"), "--url names", "bench ab http://"),
        (("http://127.0.0.1:1", "--against", "main"), "runs elsewhere", "bench ab http://"),
        (("one", "--against", "main", "--pairs", "2"), "at least 3 pairs", "--pairs 12"),
        (("one", "--against", "main", "--suite", "three"), "suite 'three' does not exist", "both"),
        (("one", "--pairs", "5"), "needs a commit", "--against main"),
        (("--suite", "both"), "needs a commit", "--against main"),
        ((), "name a scenario", "bench check quick"),
    ],
)
def test_a_wrong_comparison_is_refused_before_any_load(
    call: Call, arguments: tuple[str, ...], message: str, hint: str
) -> None:
    """The exit is 2; the error has the reason, and the hint the next step."""
    stack = () if {"--stack", "--url"} & {*arguments} else ("--stack", "app")
    done = call("check", *arguments, *stack)
    assert done.code == Exit.USAGE
    assert message in done.err
    assert hint in done.err


def test_outside_of_a_repository_there_is_no_other_version(application: Path, call: Call) -> None:
    """The error names the folder."""
    (application / ".git").rename(application / "gone")
    done = call("check", "one", "--against", "main", "--stack", "app")
    assert done.code == Exit.USAGE
    assert f"{application} is not in a git repository" in done.err


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (STACK.replace('"20"', '"30"'), None),
        (None, "scenarios/stacks/app.yaml of v1 does not exist; bench uses the file of this folder"),
        ("name: app", "scenarios/stacks/app.yaml of v1 cannot be read: "),
    ],
)
def test_a_commit_without_a_readable_stack_file_gets_that_of_the_folder(
    application: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, warning: str | None
) -> None:
    """A warning says so. Otherwise the commit has its own."""
    monkeypatch.chdir(application)
    if text is not None:
        file = tmp_path / "tree" / "scenarios" / "stacks" / "app.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    warnings: list[str] = []
    declared = stacks.load("app")
    listener = Listener(warning=warnings.append)
    own = load_stack_of(tmp_path / "tree", declared, Version("app", "v1"), listener)
    if warning is None:
        assert own.services["app"].environment["DELAY_MS"] == "30"
        assert not warnings
    else:
        assert own is declared
        assert warnings[0].startswith(warning)
