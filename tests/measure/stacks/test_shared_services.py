"""Services that two compared versions use together."""

import json
from pathlib import Path

import pytest
import yaml

from bench.errors import ConfigError
from bench.measure.stacks.compose import run_containers
from bench.measure.stacks.shared_services import StackVersion, run_shared_services
from bench.measure.stacks.start_options import StartOptions
from tests.measure.fake_docker import FakeDocker
from tests.measure.stacks.test_compose import make_stack

STACK = make_stack(shared=["db"])
HERE = StackVersion(STACK, StartOptions(is_compared=True))


def ignore(line: str) -> None:
    """Do nothing."""


def test_both_versions_use_one_container_by_its_usual_name(fake: FakeDocker) -> None:
    """It joins the network of a version before the services of the version start."""
    fake.answers = {"com.docker.compose.network=default": (0, "n" * 64, "")}
    fake.write()
    notes: list[str] = []
    with run_shared_services(HERE, HERE, notes.append) as shared:
        assert shared is not None
        assert shared.names == ("db",)
        assert notes == ["both versions use the same db"]
        (content,) = fake.compose_files.values()
        assert list(yaml.safe_load(content)["services"]) == ["db"]
        options = StartOptions(is_compared=True, shared_services=shared)
        with run_containers(STACK, options) as running:
            assert running.values["secret.DB_PASSWORD"] == shared.secret_values["DB_PASSWORD"]
            assert "db" in running.containers
            (content,) = fake.compose_files.values()
            assert list(yaml.safe_load(content)["services"]) == ["backend"]
    words = [call for call in fake.calls if "up" in call or call[:2] == ["network", "connect"]]
    assert [call[-1] if "up" in call else "connect" for call in words] == ["--no-build"] * 2 + [
        "connect",
        "--no-build",
    ]
    connect = words[2]
    assert connect == ["network", "connect", "--alias", "db", "n" * 64, "d" * 64]
    assert fake.listed(f"com.docker.compose.project={shared.project}")


def test_versions_that_declare_a_service_differently_have_their_own(fake: FakeDocker, tmp_path: Path) -> None:
    """So the old version is not measured with the new image of the database."""
    old = tmp_path / "old"
    old.mkdir()
    (old / "compose.yml").write_text("services: {}")
    other = {"services": {"backend": {"image": "ours:1"}, "db": {"image": "db:0"}}}
    fake.answers = {f"--file {old}/compose.yml --profile sim config": (0, json.dumps(other), "")}
    fake.write()
    notes: list[str] = []
    base = StackVersion(STACK, StartOptions(tree=old))
    with run_shared_services(base, HERE, notes.append) as shared:
        assert shared is None
    assert notes == ["the versions declare db in different ways, so each has its own"]
    assert not any("up" in call for call in fake.calls)


def test_a_shared_service_must_exist_and_no_knob_may_slow_it_down(fake: FakeDocker) -> None:
    """A knob would slow down both versions."""
    unknown = StackVersion(make_stack(shared=["ollama"]), StartOptions())
    with (
        pytest.raises(ConfigError, match="starts no service 'ollama'") as caught,
        run_shared_services(unknown, unknown, ignore),
    ):
        pass
    assert caught.value.hint == "services: backend, db"
    slowed = StackVersion(make_stack(shared=["backend"]), StartOptions(injections={"backend.delay_ms": 5.0}))
    with (
        pytest.raises(ConfigError, match="both versions share the service 'backend'"),
        run_shared_services(HERE, slowed, ignore),
    ):
        pass
    assert not any("up" in call for call in fake.calls)


def test_stacks_without_shared_services_start_none(fake: FakeDocker) -> None:
    """No program is called."""
    alone = StackVersion(make_stack(), StartOptions())
    with run_shared_services(alone, alone, ignore) as shared:
        assert shared is None
    assert fake.calls == []
