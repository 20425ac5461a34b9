import os
from dataclasses import replace
from pathlib import Path

import pytest

from bench.measure.stacks import projects
from bench.measure.stacks.projects import list_left_behind, new_project, persistent_project
from bench.owners.process import Owner
from tests.measure.fake_docker import FakeDocker

CURRENT = Owner.current()
DEAD = replace(CURRENT, pid=999_999_999)


def _let_docker_list(fake: FakeDocker, *names: str) -> None:
    fake.answers = {"ps --all --format": (0, "\n".join(names), "")}
    fake.write()


def test_a_new_project_names_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name contains stack, folder, owner and number; two names differ."""
    monkeypatch.chdir(tmp_path)
    first, second = new_project("trial"), new_project("trial")
    owner = f"{persistent_project('trial')}-{CURRENT}-"
    assert first.startswith(owner)
    assert second.startswith(owner)
    assert first != second


def test_projects_of_running_owners_are_kept(fake: FakeDocker) -> None:
    """The owner may be this process or another one that runs."""
    other = f"{persistent_project('trial')}-{Owner.of(os.getppid())}-1"
    _let_docker_list(fake, new_project("trial"), other)
    assert list_left_behind("trial") == []


def test_projects_of_ended_owners_are_left_behind(fake: FakeDocker) -> None:
    """No process has the id any more."""
    project = f"{persistent_project('trial')}-{DEAD}-1"
    _let_docker_list(fake, project)
    assert list_left_behind("trial") == [project]


@pytest.mark.parametrize("difference", [-3600, -1, 1])
def test_a_process_that_reuses_the_id_of_the_owner_is_not_the_owner(
    fake: FakeDocker, difference: int
) -> None:
    """A process with the id runs, but it started at another time: the owner was killed."""
    owner = replace(CURRENT, start=CURRENT.start + difference)
    project = f"{persistent_project('trial')}-{owner}-1"
    _let_docker_list(fake, project)
    assert list_left_behind("trial") == [project]


def test_the_project_of_another_machine_is_kept(fake: FakeDocker) -> None:
    """An engine may serve several machines, and a process id of another one means nothing here."""
    _let_docker_list(fake, f"{persistent_project('trial')}-{replace(DEAD, place='000000')}-1")
    assert list_left_behind("trial") == []


def test_projects_of_others_are_never_left_behind(
    fake: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a persistent stack nor another stack, folder or name."""
    dead = f"-{DEAD}-1"
    persistent = persistent_project("trial")
    other_stack = persistent_project("other") + dead
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    other_folder = persistent_project("trial") + dead
    monkeypatch.chdir(tmp_path)
    prefix = f"prefix-{persistent}{dead}"
    _let_docker_list(fake, persistent, other_stack, other_folder, prefix, f"{persistent}{dead}-1", "foreign")
    assert projects.list_left_behind("trial") == []
