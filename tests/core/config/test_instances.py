from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.instances import (
    address_values,
    find_service,
    list_instances,
    select_instances,
    share_addresses,
)
from bench.core.config.stack import Stack
from bench.core.config.stack_checks import find_health_checks
from bench.core.config.watching import HttpCheck, TcpCheck


def _stack(**services: dict[str, Any]) -> Stack:
    content = {name: {"command": ["run"], **fields} for name, fields in services.items()}
    return Stack.model_validate({"name": "trial", "purpose": "A test.", "services": content})


def test_replicas_are_instances_with_numbers() -> None:
    """Instances start in the order of the file; a service without `replicas` keeps its name."""
    stack = _stack(model={}, backend={"replicas": 3}, one={"replicas": 1})
    names = [instance.name for instance in list_instances(stack.services)]
    assert names == ["model", "backend-1", "backend-2", "backend-3", "one-1"]


def test_the_instances_of_a_service_are_its_replicas_in_the_order_of_their_numbers() -> None:
    """Neither the service's own name, nor a name that only begins with it, is an instance."""
    services = _stack(backend={"replicas": 2}, model={}).services
    names = ["backend-10", "backend", "backend-9", "backend-old", "backend-9-1", "model"]
    assert select_instances(services, "backend", names) == ("backend-9", "backend-10")
    assert select_instances(services, "model", [*names, "model-1"]) == ("model",)


def test_a_name_with_a_number_is_an_instance_only_of_a_replicated_service() -> None:
    """`model-2` is a replica if `model` declares replicas; a service of this name stays itself."""
    services = _stack(backend={"replicas": 2}, model={}).services
    services["gpt-4"] = services["model"]
    for name in ("model-2", "gpt-4", "unknown", "backend"):
        assert find_service(services, name) == name
    assert find_service(services, "backend-7") == "backend"


def test_a_balancer_gets_the_requests_of_its_service() -> None:
    """The address of the service is that of the balancer; those of all instances are lists."""
    services = _stack(backend={"replicas": 2}, balancer={"balances": "backend"}).services
    urls = {"backend-1": "http://h:1", "backend-2": "http://h:2", "balancer": "http://h:3"}
    shared = share_addresses(services, urls)
    assert shared == urls | {"backend": "http://h:3"}
    values = address_values(services, shared)
    assert values["backend.url"] == "http://h:3"
    assert values["backend.address"] == "h:3"
    assert values["backend.urls"] == "http://h:1,http://h:2"
    assert values["backend.addresses"] == "h:1,h:2"
    assert values["balancer.urls"] == "http://h:3"


def test_only_one_replica_gives_its_address_to_the_service() -> None:
    """With a second one, requests without a balancer would always go to the same instance."""
    services = _stack(backend={"replicas": 2}).services
    assert share_addresses(services, {"backend-1": "http://h:1"})["backend"] == "http://h:1"
    assert "backend" not in share_addresses(services, {"backend-1": "http://h:1", "backend-2": "http://h:2"})


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ({"a": {"replicas": 0}}, "greater than or equal to 1"),
        ({"a": {"replicas": 2}, "a-2": {}}, "its instance 'a-2' has the name of another service"),
        ({"a": {"replicas": 2, "port": 3000}}, "has too few ports for 2 replicas; write a range"),
        ({"a": {"balances": "b"}, "b": {}}, "no service 'b' starts before this one"),
        ({"a": {"balances": "a"}}, "no service 'a' starts before this one"),
        ({"a": {}, "b": {"balances": "a"}}, "needs instances of 'a'"),
        (
            {"a": {"replicas": 2}, "b": {"balances": "a"}, "c": {"balances": "a"}},
            "service 'b' already balances 'a'",
        ),
        ({"a": {}, "b": {"balances": "a", "listens": False}}, "needs a service that listens"),
        ({"a": {}, "b": {"balances": "a", "replicas": 2}}, "needs a service with one address"),
        ({"a": {"replicas": 2}, "b": {"command": ["${a.url}"]}}, "${a.url} is not a placeholder"),
    ],
)
def test_instances_that_cannot_work_are_refused(services: dict[str, Any], message: str) -> None:
    """The error names the problem: names, ports, the order of the start, or a missing address."""
    with pytest.raises(ValidationError) as caught:
        _stack(**services)
    assert message in str(caught.value)


def test_a_range_of_ports_serves_as_many_replicas() -> None:
    """Each instance gets a port of the range."""
    assert _stack(a={"replicas": 2, "port": "8000-8001"}).services["a"].replicas == 2


def test_each_instance_gets_the_health_check_of_its_service() -> None:
    """The check of the service itself stays: it goes through the balancer."""
    stack = _stack(
        backend={"replicas": 2}, balancer={"balances": "backend"}, agent={"replicas": 1, "ready": "/x"}
    )
    check = HttpCheck(kind="http", service="backend", path="/health")
    stack = stack.model_copy(update={"checks": {"chat": check}})
    checks = find_health_checks(stack, ["backend", "backend-1", "backend-2", "balancer", "agent-1"])
    assert checks == {
        "chat": check,
        "backend-1": check.model_copy(update={"service": "backend-1"}),
        "backend-2": check.model_copy(update={"service": "backend-2"}),
        "balancer": TcpCheck(kind="tcp", service="balancer"),
        "agent-1": HttpCheck(kind="http", service="agent-1", path="/x"),
    }
