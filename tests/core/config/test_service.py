from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.service import Service
from bench.core.config.stack import Stack, fixed_ports, uses_secret
from bench.core.config.stack_checks import find_health_checks
from bench.core.config.watching import HttpCheck, TcpCheck


def _service(**fields: Any) -> Service:
    return Service.model_validate({"command": ["run"], **fields})


@pytest.mark.parametrize(
    ("port", "ports", "fixed"),
    [(3000, (3000, 3000), 3000), ("3000", (3000, 3000), 3000), ("8000-8099", (8000, 8099), None)],
)
def test_a_port_is_a_number_or_a_range(port: object, ports: tuple[int, int], fixed: int | None) -> None:
    """A range is not fixed, and the dumped port can be read again."""
    service = _service(port=port)
    assert service.port == ports
    assert service.fixed_port == fixed
    assert Service.model_validate_json(service.model_dump_json()) == service


@pytest.mark.parametrize("port", [0, 70_000, "9-8", "web", -1, True, 3.5])
def test_another_port_is_refused(port: object) -> None:
    """Ports are 1 to 65,535, the lower one first."""
    with pytest.raises(ValidationError, match=r"port"):
        _service(port=port)


def test_a_worker_has_no_port() -> None:
    """Without a port, no address can be ready."""
    assert _service(listens=False).port is None
    for field in ({"port": 3000}, {"ready": "/health"}, {"announces": True}):
        with pytest.raises(ValidationError, match="needs a service that listens"):
            _service(listens=False, **field)


@pytest.mark.parametrize("stop", ["SIGINT", ["pg_ctl", "stop"]])
def test_a_service_stops_by_a_signal_or_a_command(stop: object) -> None:
    """A text is a signal, a list is a command."""
    assert _service(stop=stop).model_dump(mode="json")["stop"] == stop
    with pytest.raises(ValidationError, match="SIGTERM"):
        _service(stop="pg_ctl stop")


def _stack(**fields: Any) -> Stack:
    return Stack.model_validate({"name": "mine", "purpose": "A test.", **fields})


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"services": {"one": {"command": ["x"]}}, "up": [["y"]]}, "services or up, not both"),
        ({"up": [["y"]]}, "declare the address of each service"),
        ({"down": [["y"]]}, "needs up"),
        ({"services": {"one": {"command": ["x"]}}, "urls": {"one": "http://x"}}, "without services"),
    ],
)
def test_a_stack_starts_in_one_way(fields: dict[str, Any], problem: str) -> None:
    """Services, a compose file or commands."""
    with pytest.raises(ValidationError, match=problem):
        _stack(**fields)


def test_only_services_have_the_placeholder_of_a_port() -> None:
    """Commands of `up` have no port of their own."""
    _stack(services={"one": {"command": ["x", "${port}", "${here}", "${tree}", "${one.address}"]}})
    with pytest.raises(ValidationError, match="not a placeholder"):
        _stack(up=[["x", "${port}"]], urls={"one": "http://127.0.0.1:3000"})


def test_versions_with_the_same_fixed_port_cannot_run_together() -> None:
    """A range has free ports for both; the addresses of `up` are always the same."""
    fixed = _stack(services={"one": {"command": ["x"], "port": 3000}, "two": {"command": ["x"]}})
    assert fixed_ports(fixed) == {3000}
    assert fixed_ports(_stack(services={"one": {"command": ["x"], "port": "3000-3009"}})) == set()
    urls = {"one": "http://127.0.0.1:3000/base", "two": "https://chat.example", "three": "http://[::1]:81"}
    assert fixed_ports(_stack(up=[["x"]], urls=urls)) == {3000, 443, 81}
    assert fixed_ports(_stack(urls=urls)) == set()
    containers = {"one": {"port": 80}, "two": {"port": 90, "port_variable": "PORT"}, "three": {}}
    assert fixed_ports(_stack(compose={"file": "x.yml", "services": containers})) == set()
    assert fixed_ports(_stack(services={"one": {"command": ["x"]}}, tiers={"otlp": {"port": 4318}})) == {4318}


def test_each_service_has_a_health_check() -> None:
    """A declared check without a test user counts; then `ready` of the service or stack; then its port."""
    stack = _stack(
        services={
            "web": {"command": ["x"], "ready": "/healthz"},
            "agent": {"command": ["x"]},
            "model": {"command": ["x"]},
        },
        ready={"service": "agent", "path": "/up", "auth": "bearer"},
        checks={
            "tags": {"kind": "http", "service": "model", "path": "/api/tags"},
            "chat": {"kind": "http", "service": "web", "path": "/chat", "auth": "bearer"},
        },
    )
    checks = find_health_checks(stack, ("web", "agent", "model", "database"))
    assert {name: check.kind for name, check in checks.items()} == {
        "tags": "http",
        "chat": "http",
        "web": "http",
        "agent": "http",
        "database": "tcp",
    }
    assert checks["web"] == HttpCheck(kind="http", service="web", path="/healthz")
    assert checks["agent"] == HttpCheck(kind="http", service="agent", path="/up", auth="bearer")
    assert checks["database"] == TcpCheck(kind="tcp", service="database")


def test_only_stacks_with_users_or_its_placeholder_need_the_secret() -> None:
    """Other stacks start without JWT_SECRET."""
    assert not uses_secret(_stack(services={"one": {"command": ["x"]}}))
    assert uses_secret(_stack(services={"one": {"command": ["x"], "environment": {"S": "${jwt_secret}"}}}))
