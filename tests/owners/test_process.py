import os
import subprocess
import sys

import pytest

from bench.owners import process
from bench.owners.process import Owner


def test_a_running_process_is_not_dead() -> None:
    """Neither this process nor its parent, also after a round trip through text."""
    for owner in (Owner.current(), Owner.of(os.getppid())):
        assert owner is not None
        assert not owner.is_dead
        assert Owner.parse(str(owner)) == owner


def test_a_process_is_dead_when_it_ended() -> None:
    """Also if its parent has not noticed it yet (a zombie)."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owner = Owner.of(child.pid)
        assert owner is not None
        assert child.stdin is not None
        before = owner.is_dead
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert [before, owner.is_dead] == [False, True]
        assert Owner.of(child.pid) is None


def test_a_younger_process_with_the_same_id_is_another_one() -> None:
    """The start time differs, so the owner is dead."""
    current = Owner.current()
    assert Owner(current.pid, current.start - 1, current.place, current.boot).is_dead


def test_the_processes_of_an_earlier_boot_are_dead() -> None:
    """A process of now may have the same id and the same start in ticks."""
    current = Owner.current()
    assert Owner(current.pid, current.start, current.place, "000000").is_dead


def test_a_process_of_another_machine_or_container_may_run() -> None:
    """Its id means nothing here."""
    current = Owner.current()
    assert not Owner(current.pid, current.start - 1, "000000", "000000").is_dead


@pytest.mark.parametrize("text", ["", "12", "4711-1-0c1d2e", "x-1-0c1d2e-9f8e7d", "1-1-0c1d2e-9f8e7d-1"])
def test_another_text_names_no_owner(text: str) -> None:
    """A file of another program is never removed."""
    assert Owner.parse(text) is None


def test_a_system_without_proc_tells_processes_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a system reports the start of a process in another unit."""
    monkeypatch.setattr(process, "_read_start", process._ask_start)
    current = Owner.current()
    assert not current.is_dead
    assert Owner(current.pid, current.start - 10, current.place, current.boot).is_dead
