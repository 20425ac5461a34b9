import secrets

import pytest

from bench.errors import TargetError
from bench.measure.stacks import container_watch, docker, projects
from bench.measure.stacks.compose import StartOptions, run_containers
from tests.core.config.test_compose import inspected
from tests.measure.fake_docker import FakeDocker
from tests.measure.stacks.test_compose import make_stack


def test_a_secret_in_a_log_is_not_repeated() -> None:
    """Its name stands in its place."""
    value = secrets.token_hex(8)
    assert (
        container_watch.hide_secrets(f"mongodb://u:{value}@db", {"DB_PASSWORD": value})
        == "mongodb://u:$DB_PASSWORD@db"
    )


def test_a_container_that_ended_for_good_is_dead(fake: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen twice, so that one that is just being restarted is not; an engine that is silent kills nobody."""
    monkeypatch.setattr(container_watch, "_LOOK_INTERVAL_S", 0.0)
    with run_containers(make_stack(), StartOptions()) as live:
        for state in ({"Status": "restarting"}, {"Status": "exited", "ExitCode": 137}):
            fake.containers[0] = inspected("backend", **state)
            fake.write()
            assert live.find_dead_service() is None
        fake.said = {"container inspect": (1, "", "Cannot connect to the Docker daemon")}
        fake.write()
        assert live.find_dead_service() is None
        fake.said, fake.log = {}, "out of memory"
        fake.write()
        assert live.find_dead_service() == "service 'backend' ended with code 137: out of memory"
        fake.containers = fake.containers[1:]
        fake.write()
        assert live.find_dead_service() == "service 'backend' was removed"
        fake.containers.append(inspected("backend"))
        fake.write()
        assert live.find_dead_service() is None


def test_what_a_killed_run_left_is_removed_by_the_next(fake: FakeDocker) -> None:
    """Its project's name says which process; one that runs is left alone, and so are other people's."""
    dead = f"{projects.persistent_project('trial')}-999999999-1-1"
    mine = projects.new_project("trial")
    fake.said = {"ps --all --format": (0, f"{dead}\n{mine}\nother", "")}
    fake.write()
    assert projects.list_left_behind("trial") == [dead]
    with run_containers(make_stack(), StartOptions()):
        pass
    assert fake.looked_for(f"{docker.PROJECT_LABEL}={dead}")


def test_what_the_engine_keeps_is_said(fake: FakeDocker) -> None:
    """A stack that cannot be removed is an error, not a secret."""
    fake.said = {"rm --force": (1, "", "busy")}
    fake.write()
    with (
        pytest.raises(TargetError, match=r"the engine keeps b{12}"),
        run_containers(make_stack(), StartOptions()),
    ):
        pass


def test_an_engine_that_does_not_answer_is_given_up() -> None:
    """The error says for how long it was waited; the program is ended."""
    with pytest.raises(TargetError, match=r"no answer within 0\.1 s"):
        docker.run(["sleep", "600"], "sleep", timeout_s=0.1)


def test_a_log_that_the_engine_does_not_have_is_empty(fake: FakeDocker) -> None:
    """Some drivers keep none; that must not hide what went wrong."""
    assert docker.read_log("x", 3).strip() == "listening"
    fake.said = {"logs": (1, "", "configured logging driver does not support reading")}
    fake.write()
    assert docker.read_log("x", 3) == ""
