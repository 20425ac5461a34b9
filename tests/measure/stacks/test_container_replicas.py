import secrets
from typing import Any

import pytest

from bench.core.config.stack import Stack
from bench.errors import ConfigError
from bench.measure.stacks.compose import run_containers
from bench.measure.stacks.container_replicas import ContainerReplicas
from bench.measure.stacks.start_options import StartOptions
from tests.core.config.test_compose import inspected
from tests.measure.fake_docker import FakeDocker

RELOAD = ["nginx", "-s", "reload"]
SECRETS = {"JWT_SECRET": secrets.token_hex(20)}


def _stack(**balancer: Any) -> Stack:
    services = {
        "backend": {"port": 3000, "replicas": 2},
        "balancer": {"port": 80, "port_variable": "WEB_PORT", "balances": "backend", **balancer},
        "db": {},
    }
    content = {
        "name": "trial",
        "purpose": "A test.",
        "compose": {"file": "compose.yml", "services": services},
    }
    return Stack.model_validate(content)


def _replica(number: int, host_port: str = "") -> dict[str, Any]:
    ports = {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": host_port}]} if host_port else {}
    labels = {"com.docker.compose.container-number": str(number)}
    return inspected("backend", id=str(number) * 64, ports=ports, labels=labels)


@pytest.fixture
def scaled(fake: FakeDocker) -> FakeDocker:
    """Two backends, of which only the first has an open port, and a balancer."""
    ports = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "40001"}]}
    fake.containers = [_replica(2), _replica(1, "40000"), inspected("balancer", id="b" * 64, ports=ports)]
    fake.config = {"services": {"backend": {"image": "ours:1"}, "balancer": {"image": "nginx:1"}}}
    fake.write()
    return fake


def test_the_containers_of_a_replicated_service_are_instances(scaled: FakeDocker) -> None:
    """Their names have Compose's numbers; requests for the service go to the balancer."""
    with run_containers(_stack(reload=RELOAD), StartOptions()) as running:
        assert running.containers.keys() == {"backend-1", "backend-2", "balancer"}
        assert running.instance_urls("backend") == {"backend-1": "http://127.0.0.1:40000"}
        assert running.url("backend") == "http://127.0.0.1:40001"
    up = next(call for call in scaled.calls if "up" in call)
    assert up[-4:] == ["--detach", "--no-build", "--scale", "backend=2"]


def test_a_container_answers_its_requests_before_compose_removes_it(scaled: FakeDocker) -> None:
    """The one with the highest number ends first, and the balancer finds the others again."""
    scaled.start()
    notes: list[str] = []
    ContainerReplicas(_stack(reload=RELOAD), "project", SECRETS, notes.append).scale("backend", 1)
    actions = [call for call in scaled.calls if call[0] in {"stop", "exec"} or "up" in call]
    stopped, up, reloaded = actions
    assert stopped == ["stop", "--time", "180", "2" * 64]
    assert up[-7:] == [
        "--detach",
        "--no-build",
        "--no-recreate",
        "--no-deps",
        "--scale",
        "backend=1",
        "backend",
    ]
    assert reloaded == ["exec", "b" * 64, *RELOAD]
    assert notes == ["backend-2 ended"]


def test_containers_restart_one_after_the_other(scaled: FakeDocker) -> None:
    """Each is up again, and the balancer has found it, before the next one ends."""
    scaled.start()
    ContainerReplicas(_stack(reload=RELOAD), "project", SECRETS, lambda _: None).restart_rolling("backend")
    actions = [call[0] for call in scaled.calls if call[0] in {"stop", "start", "exec"}]
    assert actions == ["stop", "start", "exec", "stop", "start", "exec"]


def test_only_services_with_replicas_and_a_balancer_that_reloads_can_change(fake: FakeDocker) -> None:
    """The error names the field that is missing."""
    replicas = ContainerReplicas(_stack(), "project", SECRETS, lambda _: None)
    with pytest.raises(ConfigError, match="service 'db' of stack 'trial' has no replicas"):
        replicas.scale("db", 2)
    with pytest.raises(ConfigError, match="'balancer' cannot learn of other containers of 'backend'"):
        replicas.scale("backend", 3)
    assert not fake.calls
