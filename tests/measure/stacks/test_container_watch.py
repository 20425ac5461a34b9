import secrets
from dataclasses import replace

import pytest

from bench.errors import TargetError
from bench.measure.stacks import container_watch, docker, projects
from bench.measure.stacks.compose import run_containers
from bench.measure.stacks.start_options import StartOptions
from bench.owners.process import Owner
from tests.core.config.test_compose import inspected
from tests.measure.fake_docker import FakeDocker
from tests.measure.stacks.test_compose import make_stack


def test_a_message_contains_the_name_of_a_secret_not_its_value() -> None:
    """The name replaces the value."""
    value = secrets.token_hex(8)
    assert (
        container_watch.hide_secrets(f"mongodb://u:{value}@db", {"DB_PASSWORD": value})
        == "mongodb://u:$DB_PASSWORD@db"
    )


def test_a_container_that_ended_permanently_is_dead(
    fake: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two looks confirm it, so a restart does not count, nor does an engine that does not answer."""
    monkeypatch.setattr(container_watch, "_LOOK_INTERVAL_S", 0.0)
    with run_containers(make_stack(), StartOptions()) as running:
        for state in ({"Status": "restarting"}, {"Status": "exited", "ExitCode": 137}):
            fake.containers[0] = inspected("backend", **state)
            fake.write()
            assert running.find_dead_service() is None
        fake.answers = {"container inspect": (1, "", "Cannot connect to the Docker daemon")}
        fake.write()
        assert running.find_dead_service() is None
        fake.answers, fake.log = {}, "no heap"
        fake.write()
        assert running.find_dead_service() == ("service 'backend' ended with code 137: no heap\nno heap")
        fake.containers = fake.containers[1:]
        fake.write()
        assert running.find_dead_service() == "service 'backend' was removed"
        fake.containers.append(inspected("backend"))
        fake.write()
        assert running.find_dead_service() is None


def test_the_next_run_removes_the_project_of_a_killed_run(fake: FakeDocker) -> None:
    """The name contains the owner's process; projects of running owners and of others are kept."""
    dead = f"{projects.persistent_project('trial')}-{replace(Owner.current(), pid=999_999_999)}-1"
    mine = projects.new_project("trial")
    fake.answers = {"ps --all --format": (0, f"{dead}\n{mine}\nother", "")}
    fake.write()
    assert projects.list_left_behind("trial") == [dead]
    with run_containers(make_stack(), StartOptions()):
        pass
    assert fake.listed(f"{docker.PROJECT_LABEL}={dead}")


def test_an_object_that_the_engine_keeps_is_an_error(fake: FakeDocker) -> None:
    """The message contains its id."""
    fake.answers = {"rm --force": (1, "", "busy")}
    fake.write()
    with (
        pytest.raises(TargetError, match=r"the engine keeps b{12}"),
        run_containers(make_stack(), StartOptions()),
    ):
        pass


def test_an_engine_that_does_not_answer_is_an_error() -> None:
    """The message contains the waiting time; the program is ended."""
    with pytest.raises(TargetError, match=r"no answer within 0\.1 s"):
        docker.run(["sleep", "600"], "sleep", timeout_s=0.1)


def test_a_log_that_the_engine_cannot_read_is_empty(fake: FakeDocker) -> None:
    """Some logging drivers keep none; this must not hide the first error."""
    assert docker.read_log("x", 3).strip() == "listening"
    fake.answers = {"logs": (1, "", "configured logging driver does not support reading")}
    fake.write()
    assert docker.read_log("x", 3) == ""
