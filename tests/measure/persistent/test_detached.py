import json
import os
import secrets
import signal
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from bench.errors import ConfigError, StoreError, TargetError
from bench.measure.persistent import detached
from bench.measure.persistent.stack_state import FOLDER
from bench.owners.process import Owner
from tests.measure.programs import make_stack

SECRET = SecretStr(secrets.token_hex(20))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_stack_stays_up_until_down() -> None:
    """`status` shows the services that `up` started, and `down` ends them and removes the files."""
    stack = make_stack({"one": "good", "two": "good"})
    try:
        assert detached.up(stack, SECRET, {}).keys() == {"one", "two"}
        assert detached.statuses(stack) == {"one": "up", "two": "up"}
        assert detached.is_up(stack)
        running = detached.attach(stack, SECRET)
        assert running.find_dead_service() is None
        assert running.url("one").startswith("http://127.0.0.1:")
        os.kill(running.pids["two"], signal.SIGKILL)
        psutil.wait_procs([psutil.Process(running.pids["two"])], timeout=60)
        assert not detached.is_up(stack)
        assert (running.find_dead_service() or "").startswith("service 'two' ended; its log is")
    finally:
        ended = detached.down(stack)
    assert ended == 1
    assert detached.statuses(stack) == {}
    assert not (FOLDER / "trial").exists()


def test_up_replaces_a_stack_that_lost_a_service() -> None:
    """The remaining service ends: the new state file does not contain it, so `down` could not end it."""
    stack = make_stack({"one": "good", "two": "good"})
    try:
        detached.up(stack, SECRET, {})
        before = detached.attach(stack, SECRET).pids
        left = psutil.Process(before["one"])
        os.kill(before["two"], signal.SIGKILL)
        psutil.wait_procs([psutil.Process(before["two"])], timeout=60)
        detached.up(stack, SECRET, {})
        assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
        assert detached.is_up(stack)
    finally:
        detached.down(stack)


def test_a_stubborn_service_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`down` does not leave a process that ignores SIGTERM."""
    monkeypatch.setattr("bench.measure.stacks.processes.GRACE_S", 0.2)
    stack = make_stack({"one": "stubborn"})
    detached.up(stack, SECRET, {})
    pid = detached.attach(stack, SECRET).pids["one"]
    assert detached.down(stack) == 1
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=60)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_no_file_contains_the_secret() -> None:
    """This includes the state file."""
    stack = make_stack({"one": "good"})
    try:
        detached.up(stack, SECRET, {})
        files = [path for path in FOLDER.rglob("*") if path.is_file()]
        assert files
        assert not any(SECRET.get_secret_value() in path.read_text() for path in files)
    finally:
        detached.down(stack)


def test_a_second_up_is_refused() -> None:
    """The hint is the command that ends it."""
    stack = make_stack({"one": "good"})
    try:
        detached.up(stack, SECRET, {})
        with pytest.raises(ConfigError, match="is up") as caught:
            detached.up(stack, SECRET, {})
        assert caught.value.hint == "bench stack down --stack trial"
    finally:
        detached.down(stack)


def test_a_stack_that_does_not_start_leaves_nothing_running() -> None:
    """Earlier services end, and the stack counts as not started."""
    before = {child.pid for child in psutil.Process().children()}
    stack = make_stack({"one": "good", "two": "broken"})
    with pytest.raises(TargetError, match="service 'two' did not start"):
        detached.up(stack, SECRET, {})
    assert detached.statuses(stack) == {}
    after = {child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}
    assert after <= before


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """The message contains the path."""
    (tmp_path / ".bench").write_text("a file stands here")
    with pytest.raises(StoreError, match=r"cannot write .*trial"):
        detached.up(make_stack({"one": "good"}), SECRET, {})


def test_a_missing_or_damaged_state_file_is_an_error(tmp_path: Path) -> None:
    """`attach` needs it; `statuses` treats the stack as not started."""
    stack = make_stack({"one": "good"})
    with pytest.raises(StoreError, match=r"cannot read .*state\.json"):
        detached.attach(stack, SECRET)
    home = tmp_path / FOLDER / "trial"
    home.mkdir(parents=True)
    (home / "state.json").write_text('{"half')
    assert detached.statuses(stack) == {}
    (home / "state.json").write_text("[]")
    assert detached.statuses(stack) == {}


def test_a_process_that_reuses_an_id_is_kept(tmp_path: Path) -> None:
    """It started at another time, so `down` does not end it."""
    home = tmp_path / FOLDER / "trial"
    home.mkdir(parents=True)
    stack = make_stack({"one": "good"})
    older = replace(Owner.current(), start=1)
    state = {"urls": {"one": "http://127.0.0.1:1"}, "processes": {"one": str(older)}}
    (home / "state.json").write_text(json.dumps(state))
    assert detached.statuses(stack) == {"one": "down"}
    assert detached.down(stack) == 0
