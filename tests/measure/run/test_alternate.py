import os
import signal
import subprocess
from pathlib import Path

import pytest

from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.run.validity import Validity
from bench.core.samples.sample import Outcome
from bench.core.verdict.ab import compare_pairs
from bench.errors import ConfigError
from bench.measure.run.alternate import Arm, alternate
from bench.measure.run.checkout import check_out, commit_of
from bench.measure.run.conditions import Conditions, Listener
from bench.store import scenarios, stacks

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


def test_two_versions_alternate_each_with_its_own_conditions() -> None:
    """The order is ABBA, and an injection into HEAD changes HEAD only."""
    notes: list[str] = []
    stack = stacks.load("embedded")
    base = Arm("old", _spec(), stack, ALONE)
    slow = Conditions(injections={"backend.delay_ms": 120.0}, calibrated=False, shared=False)
    head = Arm("new", _spec(), stack, slow)
    listener = Listener(progress=lambda _: None, note=notes.append, warning=notes.append)
    one, other = alternate(base, head, 4, listener)
    runs = [note.split(",")[0] for note in notes if ", run " in note]
    assert runs == ["old", "new", "new", "old"] * 2
    assert len(one.runs) == len(other.runs) == 4
    assert other.combined.summary.outcomes == {Outcome.OK: 4 * 8}
    assert other.combined.provenance.injections == {"backend.delay_ms": 120.0}
    assert one.combined.provenance.injections == {}
    # A busy machine may make these short runs invalid; the comparison does not need valid ones.
    ours, theirs = (
        [run.model_copy(update={"validity": Validity(valid=True)}) for run in version.runs]
        for version in (one, other)
    )
    metrics = {metric.key: metric for metric in compare_pairs(ours, theirs, other.combined, "old").metrics}
    backend = metrics["tier.backend_ms"]
    assert backend.head is not None
    assert backend.head >= 119.0


def test_ctrl_c_is_an_interrupt_and_not_a_failed_measurement() -> None:
    """Ctrl-C during a run raises KeyboardInterrupt."""
    spec = _spec()
    phase = {"executor": "constant-vus", "vus": 1, "duration_s": 600, "think_time_s": (1, 1)}
    content = spec.scenario.model_dump(mode="json") | {"phases": [phase]}
    long = spec.model_copy(update={"scenario": Scenario.model_validate(content)})
    arm = Arm("one", long, stacks.load("embedded"), ALONE)
    listener = Listener(
        progress=lambda _: os.kill(os.getpid(), signal.SIGINT), note=lambda _: None, warning=lambda _: None
    )
    with pytest.raises(KeyboardInterrupt):
        alternate(arm, arm, 4, listener)


def test_a_commit_is_checked_out_into_another_folder(tmp_path: Path) -> None:
    """The current folder keeps its files, and the other one is removed."""
    first, second = _repository(tmp_path)
    with check_out(first) as tree:
        assert (tree / "file.txt").read_text() == "first"
        assert (tmp_path / "file.txt").read_text() == "second"
    assert not tree.exists()
    assert commit_of("HEAD") == second
    listed = subprocess.run(["git", "worktree", "list"], capture_output=True, text=True, check=True).stdout
    assert len(listed.splitlines()) == 1


@pytest.mark.parametrize("ref", ["nowhere", "--help", ""])
def test_an_unknown_commit_is_a_configuration_error(tmp_path: Path, ref: str) -> None:
    """An option of git is not passed on."""
    _repository(tmp_path)
    with pytest.raises(ConfigError, match=r"commit|check out"), check_out(ref):
        pass


def test_outside_a_repository_there_is_no_commit() -> None:
    """The message contains the name."""
    with pytest.raises(ConfigError, match="cannot check out 'HEAD'"):
        commit_of("HEAD")
