import secrets
from pathlib import Path
from typing import Any

import pytest

from bench.core.config.stack import Stack
from bench.errors import BenchError, ConfigError, TargetError
from bench.measure.stacks import compose, docker
from bench.measure.stacks.compose import StartOptions, run_containers
from tests.core.config.test_compose import inspected
from tests.measure.fake_docker import FakeDocker

STACK: dict[str, Any] = {
    "name": "trial",
    "purpose": "A test.",
    "simulated": True,
    "compose": {
        "file": "compose.yml",
        "profiles": ["sim"],
        "environment": {"JWT": "${jwt_secret}", "PASSWORD": "${secret.DB_PASSWORD}"},
        "variables": ["MODEL"],
        "caches": ["models"],
        "services": {
            "backend": {
                "port": 3000,
                "port_variable": "BACKEND_PORT",
                "under_test": "BACKEND_IMAGE",
                "knobs": {"delay_ms": "DELAY_MS"},
            },
        },
    },
}


def make_stack(**changes: Any) -> Stack:
    """A stack of containers; fields of `compose` by name."""
    return Stack.model_validate(STACK | {"compose": STACK["compose"] | changes})


def test_a_stack_is_up_inside_the_block_and_gone_after_it(fake: FakeDocker) -> None:
    """It is started by its file, its profiles and a name of its own; addresses and containers are known."""
    with run_containers(make_stack(), StartOptions()) as live:
        assert live.urls == {"backend": "http://127.0.0.1:40000"}
        assert live.values["backend.address"] == "127.0.0.1:40000"
        assert live.containers == {"backend": "b" * 64, "db": "d" * 64}
        assert live.find_dead_service() is None
        assert set(live.parts) == {"compose file", "image of db"}
    up = next(call for call in fake.calls if "up" in call)
    project = up[2]
    assert project.startswith("bench-trial-")
    assert up == [
        *("compose", "--project-name", project, "--file", "compose.yml", "--profile", "sim"),
        *("up", "--detach", "--no-build"),
    ]
    assert fake.asked("volume", "create", "models")
    assert fake.asked("rm", "--force", "--volumes", "b" * 64, "d" * 64)
    assert fake.looked_for(f"{docker.PROJECT_LABEL}={project}")


def test_containers_are_held_to_cores(fake: FakeDocker) -> None:
    """All that run, once they are up; where none are asked for, nobody is held to any."""
    with run_containers(make_stack(), StartOptions(cores=(2, 3))) as live:
        assert live.cores == (2, 3)
        assert live.urls
    held = ["update", "--cpuset-cpus", "2,3", "b" * 64, "d" * 64]
    assert held in fake.calls
    with run_containers(make_stack(), StartOptions()) as live:
        assert live.cores == ()
    assert fake.calls.count(held) == sum("update" in call for call in fake.calls) == 1


def test_who_cannot_be_held_to_cores_is_measured_without(fake: FakeDocker) -> None:
    """An engine that refuses is no error; a compose file that says itself which cores is left alone."""
    fake.said = {"update": (1, "", "cpuset cgroup not available")}
    fake.write()
    with run_containers(make_stack(), StartOptions(cores=(2, 3))) as live:
        assert live.cores == ()
    assert fake.asked("update")
    fake.containers[1] = inspected("db", ports={}, cores="0")
    fake.write()
    before = len(fake.calls)
    with run_containers(make_stack(), StartOptions(cores=(2, 3))) as live:
        assert live.cores == ()
    assert not any("update" in call for call in fake.calls[before:])


def test_the_compose_file_sees_what_is_declared(fake: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets are made up or the caller's, ports chosen, knobs turned; nothing else of the shell is there."""
    password = secrets.token_hex(8)
    for name, value in {"DB_PASSWORD": password, "MODEL": "small", "OF_MY_SHELL": "1"}.items():
        monkeypatch.setenv(name, value)
    wanted = StartOptions(injections={"backend.delay_ms": 50.0}, variables={"BACKEND_IMAGE": "ours:2"})
    with run_containers(make_stack(), wanted) as live:
        seen = fake.up_environment
        assert live.parts["MODEL"] == "small"
        assert "BACKEND_IMAGE" not in live.parts
    assert seen["PASSWORD"] == password
    assert seen["JWT"] == live.values["jwt_secret"]
    assert len(seen["JWT"]) > 20
    assert (seen["MODEL"], seen["BACKEND_IMAGE"], seen["DELAY_MS"]) == ("small", "ours:2", "50")
    assert int(seen["BACKEND_PORT"]) > 1023
    assert "OF_MY_SHELL" not in seen
    assert not any(password in word for call in fake.calls for word in call)


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (
            ("compose version", (1, "", "docker: unknown command: docker compose")),
            ConfigError,
            "has no compose",
        ),
        (
            ("image inspect", (1, "", "Error: No such image: ours:1")),
            ConfigError,
            "the image ours:1 of service",
        ),
        (
            ("image inspect", (1, "", "dial unix /x.sock: connect: permission denied: socket")),
            TargetError,
            "may not use Docker's socket",
        ),
        (("config", (1, "", "required variable X is missing a value")), ConfigError, "needs a variable"),
        (("ps --all", (1, "", "Cannot connect to the Docker daemon")), TargetError, "engine is not running"),
        (("up --detach", (1, "", "something odd")), TargetError, "start the stack 'trial': something odd"),
    ],
)
def test_what_docker_refuses_is_said(
    fake: FakeDocker,
    monkeypatch: pytest.MonkeyPatch,
    said: tuple[str, tuple[int, str, str]],
    kind: type[BenchError],
    words: str,
) -> None:
    """The error is the user's or the stack's, has a hint, and nothing is left of what was begun."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    fake.said = dict([said])
    fake.write()
    with pytest.raises(kind, match=words) as caught, run_containers(make_stack(), StartOptions()):
        pass
    assert caught.value.hint
    assert not (Path("fake") / "up").exists()


def test_the_one_before_the_plugin_will_do(fake: FakeDocker, tmp_path: Path) -> None:
    """Where docker has no compose, docker-compose is asked."""
    fake.said = {"compose version": (1, "", "docker: 'compose' is not a docker command.")}
    fake.write()
    alone = tmp_path / "fake" / "docker-compose"
    alone.write_text(
        (tmp_path / "fake" / "docker").read_text().replace("sys.argv[1:]", '["compose", *sys.argv[1:]]')
    )
    alone.chmod(0o755)
    with run_containers(make_stack(), StartOptions()) as live:
        assert live.urls


def test_no_docker_and_no_file_are_said(fake: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both name what is missing."""
    with (
        pytest.raises(ConfigError, match=r"compose file other\.yml does not exist"),
        run_containers(make_stack(file="other.yml"), StartOptions()),
    ):
        pass
    with pytest.raises(ConfigError, match="has no variable IMAGE") as caught:
        compose.start(
            make_stack(), "x", StartOptions(variables={"IMAGE": "x"}), compose.make_secrets(make_stack())
        )
    assert caught.value.hint == "variables: MODEL, BACKEND_IMAGE"
    with pytest.raises(ConfigError, match="declares no containers"):
        compose.require_compose(Stack(name="far", purpose="x"))
    monkeypatch.setenv("PATH", "/nowhere")
    with (
        pytest.raises(TargetError, match=r"docker: No such file") as caught_too,
        run_containers(make_stack(), StartOptions()),
    ):
        pass
    assert "install Docker" in (caught_too.value.hint or "")
    assert not any("up" in call for call in fake.calls)


def test_an_image_that_can_be_built_is_hinted_at(fake: FakeDocker) -> None:
    """The hint is the command that makes it."""
    fake.config["services"]["backend"]["build"] = {"context": "."}
    fake.said = {"image inspect": (1, "", "Error: No such image: ours:1")}
    fake.write()
    with pytest.raises(ConfigError) as caught, run_containers(make_stack(), StartOptions()):
        pass
    assert caught.value.hint == "docker compose --file compose.yml --profile sim build backend"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"Health": {"Status": "unhealthy"}}, "service 'backend' is unhealthy: no database"),
        ({"Status": "exited", "ExitCode": 3}, "service 'backend' ended with code 3: no database"),
    ],
)
def test_a_service_that_fails_is_named_with_its_last_words(
    fake: FakeDocker, state: dict[str, Any], words: str
) -> None:
    """And without the secrets in them; nothing is left."""
    fake.containers[0] = inspected("backend", **state)
    fake.log = "no database"
    fake.write()
    with (
        pytest.raises(TargetError, match=words) as caught,
        run_containers(make_stack(), StartOptions()),
    ):
        pass
    assert caught.value.hint
    assert fake.asked("rm", "--force")


def test_a_service_that_takes_too_long_is_named(fake: FakeDocker) -> None:
    """Whether docker waits for it, or we do; what is not there at all has no name."""
    stack = make_stack(start_timeout_s=5.0)
    with pytest.raises(TargetError, match="no container exists"):
        compose._wait_until_healthy("x", compose.require_compose(stack), 0.0, {})
    fake.containers[0] = inspected("backend", Health={"Status": "starting"})
    fake.log = "still loading"
    fake.write()
    fake.start()
    words = r"not healthy within 5 s: service 'backend' is starting: still loading"
    with pytest.raises(TargetError, match=words):
        compose._wait_until_healthy("x", compose.require_compose(stack), 0.0, {})
    hanging = compose._up(
        make_stack(start_timeout_s=0.1), "x", ["sleep", "600"], docker.docker_environment(), {}
    )
    assert "service 'backend' is starting: still loading" in (hanging.message if hanging else "")


def test_a_port_that_is_taken_meanwhile_is_chosen_anew(fake: FakeDocker) -> None:
    """Three times, and not at all when the user chose it."""
    fake.said = {"up --detach": (1, "", "port is already allocated")}
    fake.write()
    with pytest.raises(TargetError, match="a port is in use"), run_containers(make_stack(), StartOptions()):
        pass
    assert sum("up" in call for call in fake.calls) == 3
    with pytest.raises(TargetError, match="a port is in use"):
        compose.start(
            make_stack(), "x", StartOptions(ports={"backend": 3000}), compose.make_secrets(make_stack())
        )
    assert sum("up" in call for call in fake.calls) == 4


def test_a_port_that_nobody_opened_is_said(fake: FakeDocker) -> None:
    """What is declared must be in the compose file."""
    fake.containers[0] = inspected("backend", ports={})
    fake.write()
    with (
        pytest.raises(TargetError, match="port 3000 of service 'backend' is not open"),
        run_containers(make_stack(), StartOptions()),
    ):
        pass


def test_what_a_service_holds_is_asked_in_it(fake: FakeDocker) -> None:
    """The digest of a model, for example; the second container of a service has a number."""
    services = {"db": {"identity": ["show", "model"]}}
    fake.containers.append(inspected("db", id="e" * 64, ports={}))
    fake.said = {"exec": (0, "model 1", "")}
    fake.write()
    with run_containers(make_stack(services=services), StartOptions()) as live:
        assert len(live.parts["identity of db"]) == 64
        assert live.containers == {"backend": "b" * 64, "db": "d" * 64, "db-2": "e" * 64}
    assert fake.asked("exec", "d" * 64, "show", "model")
