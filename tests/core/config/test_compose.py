import json
from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.compose import (
    Compose,
    Container,
    ContainerState,
    find_stopped,
    list_images,
    list_parts,
    name_built_images,
    parse_containers,
)

COMPOSE: dict[str, Any] = {
    "file": "compose.yml",
    "profiles": ["sim"],
    "variables": ["MODEL"],
    "services": {
        "backend": {"port": 3000, "port_variable": "BACKEND_PORT", "under_test": "BACKEND_IMAGE"},
        "model": {"service": "ollama", "port": 11434, "identity": ["ollama", "list"]},
    },
}


def inspected(service: str = "backend", **changes: Any) -> dict[str, Any]:
    """A container as `docker inspect` prints it; fields of its state, and others, by name."""
    policy, restarts = changes.pop("policy", "on-failure"), changes.pop("restarts", 0)
    ports = changes.pop("ports", {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "40000"}]})
    cores = changes.pop("cores", "")
    labels = {"com.docker.compose.service": service, **changes.pop("labels", {})}
    return {
        "Id": changes.pop("id", service[0] * 64),
        "Image": "sha256:" + "0" * 64,
        "RestartCount": restarts,
        "State": {"Status": "running", "ExitCode": 0, **changes},
        "HostConfig": {"RestartPolicy": {"Name": policy}, "CpusetCpus": cores},
        "Config": {"Labels": labels},
        "NetworkSettings": {"Ports": ports},
    }


def container(**changes: Any) -> Container:
    """Return a parsed container; fields as `inspected` takes them."""
    return parse_containers(json.dumps([inspected(**changes)]))[0]


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({}, ContainerState.UP, "is up"),
        ({"Health": {"Status": "healthy"}}, ContainerState.UP, "is up"),
        ({"Health": None}, ContainerState.UP, "is up"),
        ({"Health": {"Status": "starting"}}, ContainerState.STARTING, "is starting"),
        ({"Health": {"Status": "unhealthy"}}, ContainerState.UNHEALTHY, "is unhealthy"),
        ({"Status": "created"}, ContainerState.STARTING, "is starting"),
        ({"Status": "paused"}, ContainerState.PAUSED, "is paused"),
        (
            {"Status": "restarting", "ExitCode": 137, "restarts": 2},
            ContainerState.RESTARTING,
            "ended with code 137, 3 times",
        ),
        ({"restarts": 2}, ContainerState.UP, "is up after 2 restarts"),
        (
            {"Status": "exited", "ExitCode": 137, "OOMKilled": True},
            ContainerState.ENDED,
            "ended with code 137 (out of memory)",
        ),
        ({"Status": "exited", "ExitCode": 0}, ContainerState.DONE, "ended with code 0"),
        ({"Status": "exited", "ExitCode": 0, "policy": "always"}, ContainerState.ENDED, "ended with code 0"),
        ({"Status": "exited", "ExitCode": 1}, ContainerState.ENDED, "ended with code 1"),
        ({"Status": "dead", "ExitCode": 137, "policy": "no"}, ContainerState.ENDED, "ended with code 137"),
    ],
)
def test_the_state_follows_from_the_engines_description(
    changes: dict[str, Any], state: ContainerState, words: str
) -> None:
    """Status, health, exit code and restart policy decide the state."""
    parsed = container(**changes)
    assert parsed.state is state
    assert parsed.description == words


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({}, False),
        ({"Status": "exited"}, False),
        ({"Status": "restarting", "restarts": 2}, False),
        ({"Health": {"Status": "starting"}, "restarts": 9}, False),
        ({"Status": "restarting", "restarts": 3}, True),
        ({"Status": "exited", "ExitCode": 1}, True),
        ({"Health": {"Status": "unhealthy"}}, True),
        ({"Health": {"Status": "starting"}}, False),
    ],
)
def test_a_container_has_failed_if_it_will_not_become_ready(changes: dict[str, Any], *, failed: bool) -> None:
    """It is unhealthy, ended with an error, or restarts again and again."""
    assert container(**changes).failed is failed
    assert not (container(**changes).failed and container(**changes).ready)


def test_a_container_is_ready_if_it_runs_or_is_done() -> None:
    """A container that ended without an error as planned is ready too; one that is starting is not."""
    assert container().ready
    assert container(Status="exited").ready
    assert not container(Health={"Status": "starting"}).ready


def test_ports_are_those_that_are_open_on_this_machine() -> None:
    """A port that is only exposed, or not assigned yet, is left out."""
    ports = {
        "3000/tcp": [{"HostPort": "40000"}, {"HostPort": "40001"}],
        "9000/tcp": None,
        "1/tcp": [{"HostPort": ""}],
    }
    assert container(ports=ports).ports == {3000: 40000}
    assert container(ports=None).ports == {}


def test_containers_are_sorted_by_service() -> None:
    """Containers of `compose run` are left out, because they are not a part of the running stack."""
    once = {"com.docker.compose.oneoff": "True"}
    text = json.dumps([inspected("b"), inspected("c", labels=once), inspected("a")])
    assert [parsed.service for parsed in parse_containers(text)] == ["a", "b"]
    assert parse_containers("") == ()


def test_a_container_that_ended_or_was_removed_has_stopped() -> None:
    """A container that restarts has not stopped, and a container that did not run before does not count."""
    before = ["a" * 64]
    assert find_stopped(before, [container(service="a")]) is None
    assert find_stopped(before, [container(service="a", Status="restarting")]) is None
    assert (
        find_stopped(before, [container(service="a"), container(service="b", Status="exited", ExitCode=1)])
        is None
    )
    assert find_stopped(before, [container(service="a", Status="exited", ExitCode=137)]) == "a" * 64
    assert find_stopped(before, [container(service="a", Status="exited", ExitCode=0)]) == "a" * 64
    assert find_stopped(before, []) == "a" * 64


def test_built_images_have_the_name_of_the_files_own_project() -> None:
    """Images with a name keep it, and services of other profiles have none."""
    services = {
        "db": {"image": "db:1"},
        "app": {"build": {"context": "."}},
        "other": {"build": {"context": "."}, "profiles": ["real"]},
    }
    assert name_built_images({"name": "shop", "services": services}, ["sim"]) == {"app": "shop-app"}
    assert name_built_images({"services": services}, ["sim"]) == {}


def test_images_are_those_of_the_active_profiles() -> None:
    """A service without a profile always starts; an image may be one that the file can build."""
    services = {
        "db": {"image": "db:1"},
        "model": {"image": "model:1", "profiles": ["sim"], "build": {"context": "."}},
        "ollama": {"image": "ollama:1", "profiles": ["real"]},
        "app": {"build": {"context": "."}},
    }
    images = list_images({"services": services}, ["sim"])
    assert images == {"db": ("db:1", False), "model": ("model:1", True), "app": ("", True)}
    assert list_images({}, ["sim"]) == {}


def test_images_under_test_may_differ_between_comparable_runs() -> None:
    """The compose file, variables, other images and models must be equal."""
    compose = Compose.model_validate(COMPOSE)
    containers = [container(service="backend"), container(service="ollama"), container(service="db")]
    variables = {"MODEL": "small", "BACKEND_IMAGE": "ours:2"}
    assert list_parts(compose, "f" * 64, variables, containers, {"model": "m" * 64}) == {
        "compose file": "f" * 64,
        "MODEL": "small",
        "image of model": "sha256:" + "0" * 64,
        "image of db": "sha256:" + "0" * 64,
        "identity of model": "m" * 64,
    }


def test_a_long_part_is_replaced_by_its_digest() -> None:
    """Results stay small, and different outputs of a command stay different."""
    compose = Compose.model_validate(COMPOSE)
    one, other = (
        list_parts(compose, "f" * 64, {}, [], {"model": "m" * 200 + more})["identity of model"]
        for more in "ab"
    )
    assert len(one) == len(other) == 64
    assert one != other


def test_a_service_has_two_names() -> None:
    """Targets and the compose file may use different names for a service; by default they are equal."""
    compose = Compose.model_validate(COMPOSE)
    assert [compose.compose_name(name) for name in compose.services] == ["backend", "ollama"]
    assert [compose.target_name(service) for service in ("backend", "ollama", "db")] == [
        "backend",
        "model",
        "db",
    ]
    assert compose.visible_variables == ("MODEL", "BACKEND_IMAGE")


@pytest.mark.parametrize(
    "service",
    [
        {"port_variable": "PORT"},
        {"port": 0},
        {"port": 70_000},
        {"port": 1, "port_variable": "A PORT"},
        {"under_test": "an image"},
        {"knobs": {"slowdown": "NOT-A-NAME"}},
    ],
)
def test_a_service_that_makes_no_sense_is_refused(service: dict[str, Any]) -> None:
    """Ports are ports, variables are names, and a variable for a port needs the port."""
    with pytest.raises(ValidationError):
        Compose.model_validate(COMPOSE | {"services": {"backend": service}})
