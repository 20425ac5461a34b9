import os
import signal
import subprocess
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.stack import Stack
from bench.core.config.target import Target
from bench.core.samples.sample import Outcome
from bench.errors import BaseUnavailableError, ConfigError, TargetError
from bench.measure.run.alternate import (
    Alternation,
    Arm,
    FailedPair,
    Pair,
    PairedSpec,
    PairRun,
    join_runs,
    open_versions,
)
from bench.measure.run.checkout import check_out, commit_of, read_at
from bench.measure.run.conditions import Conditions, Listener
from bench.store import scenarios, stacks
from tests.factories import make_recording, run_at

ALONE = Conditions(calibrated=False, shared=False)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JWT_SECRET", raising=False)


def _spec() -> RunSpec:
    """Return a short version of `quick`."""
    spec = scenarios.load("quick")
    phase = {"executor": "per-vu-iterations", "vus": 4, "iterations": 2}
    content = spec.scenario.model_dump(mode="json") | {"phases": [phase], "thresholds": {}}
    return spec.model_copy(update={"scenario": Scenario.model_validate(content)})


def _repository(folder: Path) -> tuple[str, str]:
    """Create a repository with two commits, and return their ids."""

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=Tess Ter", "-c", "user.email=tess@example.invalid"]
        completed = subprocess.run(
            ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
        )
        return completed.stdout.strip()

    git("init", "--quiet")
    ids = []
    for text in ("first", "second"):
        (folder / "file.txt").write_text(text)
        git("add", "file.txt")
        git("commit", "--quiet", "--message", text)
        ids.append(git("rev-parse", "HEAD"))
    return ids[0], ids[1]


def _measure(base: Arm, head: Arm, spec: RunSpec, pairs: int, listener: Listener) -> list[Pair]:
    """Measure some pairs of a scenario."""
    paired = PairedSpec(spec, spec)
    measured = []
    with open_versions(base, head, [paired], listener) as versions:
        for number in range(1, pairs + 1):
            pair = versions.measure_pair(paired, number)
            assert isinstance(pair, Pair), pair.problem
            measured.append(pair)
    return measured


@pytest.mark.parametrize("side", ["base", "head"])
def test_an_error_before_the_load_names_its_version(monkeypatch: pytest.MonkeyPatch, side: str) -> None:
    """A service that ends between two runs is the fault of its own version."""

    def prepare(*arguments: object, **_: object) -> AbstractContextManager[str]:
        if str(arguments[3]).endswith(side):
            raise TargetError("service 'agent' ended with code 3")
        return nullcontext("")

    monkeypatch.setattr("bench.measure.run.alternate.provide_stack", lambda *_, **__: nullcontext())
    monkeypatch.setattr("bench.measure.run.alternate.prepare_on", prepare)
    monkeypatch.setattr(Alternation, "_measure", lambda *_: PairRun(Path("x"), run_at(), make_recording()))
    spec = PairedSpec(_spec(), _spec())
    arms = [Arm(name, stacks.load("embedded"), ALONE) for name in ("base", "head")]
    with open_versions(arms[0], arms[1], [spec], Listener()) as versions:
        with pytest.raises(TargetError) as caught:
            versions.measure_pair(spec, 1)
        assert caught.value.message == f"{side}: service 'agent' ended with code 3"
        assert isinstance(caught.value, BaseUnavailableError) is (side == "base")


def test_two_versions_alternate_each_with_its_own_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is ABBA, and an injection into HEAD changes HEAD only."""
    # A busy machine may make these short runs invalid; the pairs do not need valid ones.
    monkeypatch.setattr(PairRun, "problem", None)
    notes: list[str] = []
    stack = stacks.load("embedded")
    base = Arm("old", stack, ALONE)
    slow = Conditions(injections={"backend.delay_ms": 120.0}, calibrated=False, shared=False)
    head = Arm("new", stack, slow)
    listener = Listener(progress=lambda _: None, note=notes.append, warning=notes.append)
    pairs = _measure(base, head, _spec(), 2, listener)
    assert [note.rpartition(" ")[2] for note in notes if ", pair " in note] == ["old", "new", "new", "old"]
    assert [pair.base.place.name for pair in pairs] == ["01-base", "04-base"]
    assert [pair.head.place.name for pair in pairs] == ["02-head", "03-head"]
    joined, _ = join_runs(_spec(), stack, [pair.head for pair in pairs])
    assert joined.summary.outcomes == {Outcome.OK: 2 * 8}
    assert joined.provenance.injections == {"backend.delay_ms": 120.0}
    assert pairs[0].base.result.provenance.injections == {}
    assert joined.summary.metrics["tier.backend_ms"].mean >= 119.0


def test_ctrl_c_is_an_interrupt_and_not_a_failed_measurement() -> None:
    """Ctrl-C during a run raises KeyboardInterrupt."""
    spec = _spec()
    phase = {"executor": "constant-vus", "vus": 1, "duration_s": 600, "think_time_s": (1, 1)}
    content = spec.scenario.model_dump(mode="json") | {"phases": [phase]}
    long = spec.model_copy(update={"scenario": Scenario.model_validate(content)})
    arm = Arm("one", stacks.load("embedded"), ALONE)
    listener = Listener(
        progress=lambda now: os.kill(os.getpid(), signal.SIGINT) if now.is_load else None,
        note=lambda _: None,
        warning=lambda _: None,
    )
    with pytest.raises(KeyboardInterrupt):
        _measure(arm, arm, long, 1, listener)


def test_a_dead_stack_fails_its_pair_and_starts_again(tmp_path: Path) -> None:
    """The pair has the reason, and the next attempt has new services."""
    program = f"""
import http.server, pathlib, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments): pass
    def do_GET(self): self.answer(b"{{}}")
    def do_POST(self):
        marker = pathlib.Path({str(tmp_path / "died")!r})
        if not marker.exists():
            marker.touch()
            __import__("os")._exit(3)
        self.answer(b'{{"reply": "fine"}}')
    def answer(self, body):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
    (tmp_path / "server.py").write_text(program)
    service = {"command": ["${python}", "server.py", "${port}"], "ready": "/"}
    stack = Stack.model_validate({"name": "app", "purpose": "A test.", "services": {"app": service}})
    target = Target.model_validate(
        {
            "name": "app",
            "service": "app",
            "path": "/chat",
            "body": {"message": "${message}"},
            "answer": {"kind": "json", "text": "reply"},
        }
    )
    phase = {"executor": "constant-vus", "vus": 1, "duration_s": 1.5}
    content = _spec().scenario.model_dump(mode="json") | {"phases": [phase], "thresholds": {}}
    spec = _spec().model_copy(update={"scenario": Scenario.model_validate(content), "target": target})
    arm = Arm("one", stack, ALONE)
    paired = PairedSpec(spec, spec)
    with open_versions(arm, arm, [paired], Listener()) as versions:
        failed = versions.measure_pair(paired, 1)
        assert isinstance(failed, FailedPair)
        assert "app" in failed.problem
        again = versions.measure_pair(paired, 1)
    runs = [again.run] if isinstance(again, FailedPair) else [again.base, again.head]
    assert all(run.result.summary.outcomes.get(Outcome.OK, 0) > 0 for run in runs)


def test_a_commit_is_checked_out_into_another_folder(tmp_path: Path) -> None:
    """The current folder keeps its files, and the other one is removed."""
    first, second = _repository(tmp_path)
    with check_out(first) as tree:
        assert (tree / "file.txt").read_text() == "first"
        assert (tmp_path / "file.txt").read_text() == "second"
    assert not tree.exists()
    assert commit_of("HEAD") == second
    assert read_at(first, "file.txt") == "first"
    assert read_at(first, "other.txt") is None
    listed = subprocess.run(["git", "worktree", "list"], capture_output=True, text=True, check=True).stdout
    assert len(listed.splitlines()) == 1


@pytest.mark.parametrize("ref", ["nowhere", "--help", ""])
def test_an_unknown_commit_is_a_configuration_error(tmp_path: Path, ref: str) -> None:
    """An option of git is not passed on."""
    _repository(tmp_path)
    with pytest.raises(ConfigError, match=r"commit|check out"), check_out(ref):
        pass


def test_outside_a_repository_there_is_no_commit() -> None:
    """The message contains the name and the folder."""
    with pytest.raises(ConfigError, match=r"cannot check out 'HEAD': .* is not in a git repository"):
        commit_of("HEAD")


def test_a_mistyped_branch_is_suggested(tmp_path: Path) -> None:
    """The hint has the nearest branch or tag."""
    _repository(tmp_path)
    subprocess.run(["git", "branch", "release"], check=True)
    with pytest.raises(ConfigError, match="no such commit") as caught:
        commit_of("relaese")
    assert caught.value.hint == "did you mean 'release'?"
