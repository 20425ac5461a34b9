import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.core.config.stack import Stack
from bench.errors import BenchError, ConfigError, TargetError
from bench.measure.stacks import compose, docker
from bench.measure.stacks.compose import run_containers
from bench.measure.stacks.compose_call import ComposeCall, make_secrets, require_compose
from bench.measure.stacks.images import PULL_VARIABLE
from bench.measure.stacks.start_options import StartOptions
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
    """Return a stack of containers with changed fields of `compose`."""
    return Stack.model_validate(STACK | {"compose": STACK["compose"] | changes})


def test_a_stack_exists_during_the_block(fake: FakeDocker) -> None:
    """It starts with its file, its profiles and a new project name, and has addresses and containers."""
    with run_containers(make_stack(), StartOptions()) as running:
        assert running.urls == {"backend": "http://127.0.0.1:40000"}
        assert running.values["backend.address"] == "127.0.0.1:40000"
        assert running.containers == {"backend": "b" * 64, "db": "d" * 64}
        assert running.find_dead_service() is None
        assert set(running.parts) == {"compose file", "image of db"}
    up = next(call for call in fake.calls if "up" in call)
    project = up[2]
    assert project.startswith("bench-trial-")
    assert up == [
        *("compose", "--project-name", project, "--file", "compose.yml", "--profile", "sim"),
        *("up", "--detach", "--no-build"),
    ]
    assert fake.was_called("volume", "create", "models")
    assert fake.was_called("rm", "--force", "--volumes", "b" * 64, "d" * 64)
    assert fake.listed(f"{docker.PROJECT_LABEL}={project}")


def test_an_image_that_the_file_builds_is_used_as_it_is(fake: FakeDocker) -> None:
    """Its name has the project of the file, and bench starts it in a project of its own."""
    fake.config = {
        "name": "shop",
        "services": {"backend": {"build": {"context": "."}}, "db": {"image": "db"}},
    }
    fake.write()
    with run_containers(make_stack(), StartOptions()):
        pass
    assert fake.was_called("compose", "--file", "compose.yml", "--profile", "sim", "config")
    original, override = fake.compose_files
    assert original == "compose.yml"
    declared = yaml.safe_load(fake.compose_files[override])
    assert declared == {"services": {"backend": {"image": "shop-backend", "pull_policy": "never"}}}


def test_an_image_that_was_not_built_is_an_error_with_the_command(fake: FakeDocker) -> None:
    """The command names the file and the service."""
    fake.config = {"name": "shop", "services": {"backend": {"build": {"context": "."}}}}
    fake.answers = {"image inspect": (1, "", "Error: No such image: shop-backend")}
    fake.write()
    message = "the image shop-backend of service 'backend' is not on this machine"
    with pytest.raises(ConfigError, match=message) as caught, run_containers(make_stack(), StartOptions()):
        pass
    assert caught.value.hint == "docker compose --file compose.yml --profile sim build backend"


def test_a_runner_pulls_or_builds_missing_images(fake: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """With BENCH_PULL_IMAGES a missing image is pulled, or built if a file declares how."""
    monkeypatch.setenv(PULL_VARIABLE, "1")
    fake.config = {"name": "shop", "services": {"db": {"image": "db:7"}}}
    fake.answers = {"image inspect": (1, "", "Error: No such image: db:7")}
    fake.write()
    with run_containers(make_stack(), StartOptions()):
        pass
    assert fake.was_called("pull", "--quiet", "db:7")
    fake.config["services"]["backend"] = {"build": {"context": "."}}
    fake.write()
    with run_containers(make_stack(), StartOptions()):
        pass
    assert ["compose", "--file", "compose.yml", "--profile", "sim", "build", "backend"] in fake.calls
    assert not fake.was_called("pull", "--quiet", "shop-backend")


def test_a_version_has_its_own_compose_file(fake: FakeDocker, tmp_path: Path) -> None:
    """A file of another folder, or one that the version lacks, is an error."""
    for file, message in (("/etc/compose.yml", "is not a file of the version"), ("no.yml", "does not exist")):
        stack = make_stack(file=file)
        with pytest.raises(ConfigError, match=message), run_containers(stack, StartOptions(tree=tmp_path)):
            pass
    assert not fake.was_called("compose", "--project-name")


def test_the_path_of_the_file_may_hold_variables(fake: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder is then chosen when the stack starts."""
    monkeypatch.setenv("APPLICATION", ".")
    with run_containers(make_stack(file="${env.APPLICATION:-elsewhere}/compose.yml"), StartOptions()):
        pass
    assert list(fake.compose_files) == ["./compose.yml"]


def test_containers_are_restricted_to_cores(fake: FakeDocker) -> None:
    """This applies to all running containers; without cores there is no restriction."""
    with run_containers(make_stack(), StartOptions(cores=(2, 3))) as running:
        assert running.cores == (2, 3)
        assert running.urls
    held = ["update", "--cpuset-cpus", "2,3", "b" * 64, "d" * 64]
    assert held in fake.calls
    with run_containers(make_stack(), StartOptions()) as running:
        assert running.cores == ()
    assert fake.calls.count(held) == sum("update" in call for call in fake.calls) == 1


def test_containers_that_cannot_be_restricted_run_on_all_cores(fake: FakeDocker) -> None:
    """A refusal is not an error, and cores that the compose file assigns stay."""
    fake.answers = {"update": (1, "", "cpuset cgroup not available")}
    fake.write()
    with run_containers(make_stack(), StartOptions(cores=(2, 3))) as running:
        assert running.cores == ()
    assert fake.was_called("update")
    fake.containers[1] = inspected("db", ports={}, cores="0")
    fake.write()
    before = len(fake.calls)
    with run_containers(make_stack(), StartOptions(cores=(2, 3))) as running:
        assert running.cores == ()
    assert not any("update" in call for call in fake.calls[before:])


def test_the_compose_file_gets_declared_variables_only(
    fake: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets secrets, chosen ports and injected knobs, and no other variable of the shell."""
    password = secrets.token_hex(8)
    for name, value in {"DB_PASSWORD": password, "MODEL": "small", "OF_MY_SHELL": "1"}.items():
        monkeypatch.setenv(name, value)
    wanted = StartOptions(injections={"backend.delay_ms": 50.0}, variables={"BACKEND_IMAGE": "ours:2"})
    with run_containers(make_stack(), wanted) as running:
        seen = fake.up_environment
        assert running.parts["MODEL"] == "small"
        assert "BACKEND_IMAGE" not in running.parts
    assert seen["PASSWORD"] == password
    assert seen["JWT"] == running.values["jwt_secret"]
    assert len(seen["JWT"]) > 20
    assert (seen["MODEL"], seen["BACKEND_IMAGE"], seen["DELAY_MS"]) == ("small", "ours:2", "50")
    assert int(seen["BACKEND_PORT"]) > 1023
    assert "OF_MY_SHELL" not in seen
    assert not any(password in word for call in fake.calls for word in call)


@pytest.mark.parametrize(
    ("said", "kind", "message"),
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
def test_an_error_of_docker_has_a_hint(
    fake: FakeDocker,
    monkeypatch: pytest.MonkeyPatch,
    said: tuple[str, tuple[int, str, str]],
    kind: type[BenchError],
    message: str,
) -> None:
    """It is a configuration or target error, and no container remains."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    fake.answers = dict([said])
    fake.write()
    with pytest.raises(kind, match=message) as caught, run_containers(make_stack(), StartOptions()):
        pass
    assert caught.value.hint
    assert not (Path("fake") / "up").exists()


def test_docker_compose_replaces_a_missing_plugin(fake: FakeDocker, tmp_path: Path) -> None:
    """The standalone program docker-compose is used."""
    fake.answers = {"compose version": (1, "", "docker: 'compose' is not a docker command.")}
    fake.write()
    alone = tmp_path / "fake" / "docker-compose"
    alone.write_text(
        (tmp_path / "fake" / "docker").read_text().replace("sys.argv[1:]", '["compose", *sys.argv[1:]]')
    )
    alone.chmod(0o755)
    with run_containers(make_stack(), StartOptions()) as running:
        assert running.urls


def test_a_missing_program_file_or_variable_is_an_error(
    fake: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message contains its name."""
    with (
        pytest.raises(ConfigError, match=r"compose file other\.yml does not exist"),
        run_containers(make_stack(file="other.yml"), StartOptions()),
    ):
        pass
    with pytest.raises(ConfigError, match="has no variable IMAGE") as caught:
        compose.start(make_stack(), "x", StartOptions(variables={"IMAGE": "x"}), make_secrets(make_stack()))
    assert caught.value.hint == "variables: MODEL, BACKEND_IMAGE"
    with pytest.raises(ConfigError, match="declares no containers"):
        require_compose(Stack(name="far", purpose="x"))
    monkeypatch.setenv("PATH", "/nowhere")
    with (
        pytest.raises(TargetError, match=r"docker: No such file") as caught_too,
        run_containers(make_stack(), StartOptions()),
    ):
        pass
    assert "install Docker" in (caught_too.value.hint or "")
    assert not any("up" in call for call in fake.calls)


def test_the_hint_for_a_missing_image_builds_it(fake: FakeDocker) -> None:
    """The hint is a command to copy."""
    fake.config["services"]["backend"]["build"] = {"context": "."}
    fake.answers = {"image inspect": (1, "", "Error: No such image: ours:1")}
    fake.write()
    with pytest.raises(ConfigError) as caught, run_containers(make_stack(), StartOptions()):
        pass
    assert caught.value.hint == "docker compose --file compose.yml --profile sim build backend"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"Health": {"Status": "unhealthy"}}, "service 'backend' is unhealthy"),
        ({"Status": "exited", "ExitCode": 3}, "service 'backend' ended with code 3"),
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, r"ended with code 137 \(out of memory\)"),
        ({"Status": "restarting", "ExitCode": 1, "restarts": 3}, "ended with code 1, 4 times"),
    ],
)
def test_the_error_of_a_failed_service_contains_its_log(
    fake: FakeDocker, state: dict[str, Any], words: str
) -> None:
    """No container remains."""
    fake.containers[0] = inspected("backend", **state)
    fake.log = "\n".join(f"line {number}" for number in range(40)) + "\n\x1b[31mno database"
    fake.write()
    with (
        pytest.raises(TargetError, match=words) as caught,
        run_containers(make_stack(), StartOptions()),
    ):
        pass
    first, *lines = caught.value.message.splitlines()
    assert first.endswith("; the end of its log:")
    assert (len(lines), lines[0], lines[-1]) == (30, "  line 11", "   [31mno database")
    assert caught.value.service == "backend"
    assert caught.value.service_exit_code == (state.get("ExitCode"))
    assert caught.value.hint
    assert fake.was_called("rm", "--force")


def test_the_error_after_the_start_timeout_names_the_service(fake: FakeDocker) -> None:
    """This holds if docker waits and if bench waits; without a container there is no name."""
    stack = make_stack(start_timeout_s=5.0)
    with pytest.raises(TargetError, match="no container exists"):
        compose._wait_until_healthy("x", require_compose(stack), 0.0, {})
    fake.containers[0] = inspected("backend", Health={"Status": "starting"})
    fake.log = "still loading"
    fake.write()
    fake.start()
    words = "service 'backend' is starting; the end of its log:\n  still loading"
    with pytest.raises(TargetError, match=f"not healthy within 5 s: {words}") as caught:
        compose._wait_until_healthy("x", require_compose(stack), 0.0, {})
    assert caught.value.service == "backend"
    hanging = ComposeCall(
        "trial",
        require_compose(make_stack(start_timeout_s=0.1)),
        ["sleep", "600"],
        [],
        docker.docker_environment(),
        {},
    )
    late = compose._up(replace(hanging, program=["sh", "-c", "sleep 600"]), "x", StartOptions(), {})
    assert words in (late.message if late else "")


def test_a_port_that_is_in_use_is_chosen_again(fake: FakeDocker) -> None:
    """There are three attempts, and one for a port that the user chose."""
    fake.answers = {"up --detach": (1, "", "port is already allocated")}
    fake.write()
    with pytest.raises(TargetError, match="a port is in use"), run_containers(make_stack(), StartOptions()):
        pass
    assert sum("up" in call for call in fake.calls) == 3
    with pytest.raises(TargetError, match="a port is in use"):
        compose.start(make_stack(), "x", StartOptions(ports={"backend": 3000}), make_secrets(make_stack()))
    assert sum("up" in call for call in fake.calls) == 4


def test_a_declared_port_must_be_open(fake: FakeDocker) -> None:
    """The compose file must open it."""
    fake.containers[0] = inspected("backend", ports={})
    fake.write()
    with (
        pytest.raises(TargetError, match="port 3000 of service 'backend' is not open"),
        run_containers(make_stack(), StartOptions()),
    ):
        pass


def test_the_identity_of_a_service_is_read_in_its_container(fake: FakeDocker) -> None:
    """An example is the digest of a model. A second container of a service has a number."""
    services = {"db": {"identity": ["show", "model"]}}
    fake.containers.append(inspected("db", id="e" * 64, ports={}))
    fake.answers = {"exec": (0, "model 1", "")}
    fake.write()
    with run_containers(make_stack(services=services), StartOptions()) as running:
        assert len(running.parts["identity of db"]) == 64
        assert running.containers == {"backend": "b" * 64, "db": "d" * 64, "db-2": "e" * 64}
    assert fake.was_called("exec", "d" * 64, "show", "model")
