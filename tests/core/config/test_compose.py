import json
from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.compose import Compose, Container, State, gone, images, parse_containers, parts

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
    """A container that was parsed; fields as `inspected` takes them."""
    return parse_containers(json.dumps([inspected(**changes)]))[0]


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({}, State.UP, "is up"),
        ({"Health": {"Status": "healthy"}}, State.UP, "is up"),
        ({"Health": None}, State.UP, "is up"),
        ({"Health": {"Status": "starting"}}, State.STARTING, "is starting"),
        ({"Health": {"Status": "unhealthy"}}, State.UNHEALTHY, "is unhealthy"),
        ({"Status": "created"}, State.STARTING, "is starting"),
        ({"Status": "paused"}, State.PAUSED, "is paused"),
        (
            {"Status": "restarting", "ExitCode": 137, "restarts": 2},
            State.RESTARTING,
            "ended with code 137, 2 times",
        ),
        ({"Status": "exited", "ExitCode": 0}, State.DONE, "ended with code 0"),
        ({"Status": "exited", "ExitCode": 0, "policy": "always"}, State.ENDED, "ended with code 0"),
        ({"Status": "exited", "ExitCode": 1}, State.ENDED, "ended with code 1"),
        ({"Status": "dead", "ExitCode": 137, "policy": "no"}, State.ENDED, "ended with code 137"),
    ],
)
def test_a_state_is_what_the_engine_says_of_it(changes: dict[str, Any], state: State, words: str) -> None:
    """Status, health, exit code and restart policy together say how a service is."""
    found = container(**changes)
    assert found.state is state
    assert found.in_words == words


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({}, False),
        ({"Status": "exited"}, False),
        ({"Status": "restarting", "restarts": 2}, False),
        ({"Status": "restarting", "restarts": 3}, True),
        ({"Status": "exited", "ExitCode": 1}, True),
        ({"Health": {"Status": "unhealthy"}}, True),
        ({"Health": {"Status": "starting"}}, False),
    ],
)
def test_nobody_waits_for_what_will_not_come(changes: dict[str, Any], *, failed: bool) -> None:
    """What is unhealthy, ended badly, or ends again and again is not waited for; the rest is."""
    assert container(**changes).failed is failed
    assert not (container(**changes).failed and container(**changes).ready)


def test_what_has_done_its_work_is_ready() -> None:
    """As is what runs, when it does not say that it is not healthy yet."""
    assert container().ready
    assert container(Status="exited").ready
    assert not container(Health={"Status": "starting"}).ready


def test_ports_are_those_that_are_open_on_this_machine() -> None:
    """A port that is only exposed has no number here, and none is one for the engine that chose none yet."""
    ports = {
        "3000/tcp": [{"HostPort": "40000"}, {"HostPort": "40001"}],
        "9000/tcp": None,
        "1/tcp": [{"HostPort": ""}],
    }
    assert container(ports=ports).ports == {3000: 40000}
    assert container(ports=None).ports == {}


def test_containers_come_in_the_order_of_their_services() -> None:
    """And those of `compose run`, which nobody asked to be up, are left out."""
    once = {"com.docker.compose.oneoff": "True"}
    text = json.dumps([inspected("b"), inspected("c", labels=once), inspected("a")])
    assert [each.service for each in parse_containers(text)] == ["a", "b"]
    assert parse_containers("") == ()


def test_what_ended_for_good_is_gone() -> None:
    """One that starts again is not, one that was removed is, and who did not run is nobody's loss."""
    ran = ["a" * 64]
    assert gone(ran, [container(service="a")]) is None
    assert gone(ran, [container(service="a", Status="restarting")]) is None
    assert gone(ran, [container(service="a"), container(service="b", Status="exited", ExitCode=1)]) is None
    assert gone(ran, [container(service="a", Status="exited", ExitCode=137)]) == "a" * 64
    assert gone(ran, [container(service="a", Status="exited", ExitCode=0)]) == "a" * 64
    assert gone(ran, []) == "a" * 64


def test_images_are_those_of_the_profiles() -> None:
    """A service without a profile always starts; one that can be built is known."""
    services = {
        "db": {"image": "db:1"},
        "model": {"image": "model:1", "profiles": ["sim"], "build": {"context": "."}},
        "ollama": {"image": "ollama:1", "profiles": ["real"]},
        "app": {"build": {"context": "."}},
    }
    found = images({"services": services}, ["sim"])
    assert found == {"db": ("db:1", False), "model": ("model:1", True), "app": ("", True)}
    assert images({}, ["sim"]) == {}


def test_what_is_compared_is_no_part_of_what_must_be_equal() -> None:
    """Images under test and their variables may differ; file, settings, other images and models may not."""
    compose = Compose.model_validate(COMPOSE)
    containers = [container(service="backend"), container(service="ollama"), container(service="db")]
    variables = {"MODEL": "small", "BACKEND_IMAGE": "ours:2"}
    assert parts(compose, "f" * 64, variables, containers, {"model": "m" * 64}) == {
        "compose file": "f" * 64,
        "MODEL": "small",
        "image of model": "sha256:" + "0" * 64,
        "image of db": "sha256:" + "0" * 64,
        "what model holds": "m" * 64,
    }


def test_a_long_part_is_told_apart_by_its_digest() -> None:
    """A result has room for a name, and not for whatever a command prints."""
    compose = Compose.model_validate(COMPOSE)
    one, other = (
        parts(compose, "f" * 64, {}, [], {"model": "m" * 200 + more})["what model holds"] for more in "ab"
    )
    assert len(one) == len(other) == 64
    assert one != other


def test_a_service_has_two_names() -> None:
    """What targets call it, and what the compose file does; they are the same where nothing else is said."""
    compose = Compose.model_validate(COMPOSE)
    assert [compose.called(name) for name in compose.services] == ["backend", "ollama"]
    assert [compose.named(service) for service in ("backend", "ollama", "db")] == ["backend", "model", "db"]
    assert compose.visible == ("MODEL", "BACKEND_IMAGE")


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
