"""The requests that show whether the services of a stack are ready, and its health checks."""

from collections.abc import Collection
from typing import TypeGuard

from bench.core.config.instances import find_service
from bench.core.config.stack import ReadyCheck, Stack
from bench.core.config.target import Name
from bench.core.config.watching import Check, HttpCheck, TcpCheck


def find_declared_ready(stack: Stack) -> dict[Name, ReadyCheck]:
    """Return the request that shows that a service is ready, for each service that declares one."""
    checks: dict[Name, ReadyCheck] = {}
    if stack.ready is not None:
        checks[stack.ready.service] = stack.ready
    for name, service in stack.services.items():
        if service.ready is not None:
            checks[name] = ReadyCheck(service=name, path=service.ready)
    return checks


def find_ready_checks(stack: Stack) -> dict[Name, ReadyCheck]:
    """Return the same, and the request of a layer's target for services that declare none."""
    checks: dict[Name, ReadyCheck] = {}
    for layer in stack.layers.tiers if stack.layers else ():
        target = layer.target
        if target.ready is not None:
            checks[target.service] = ReadyCheck(service=target.service, path=target.ready, auth=target.auth)
    return checks | find_declared_ready(stack)


def _needs_no_user(check: Check) -> TypeGuard[HttpCheck | TcpCheck]:
    return isinstance(check, TcpCheck) or (isinstance(check, HttpCheck) and check.auth == "none")


def find_health_checks(stack: Stack, services: Collection[Name]) -> dict[Name, Check]:
    """Return the declared health checks, and one for each service without a check that needs no test user.

    An instance gets the check of its service. A service that declares `ready` is up if this path answers.
    Another one is up if its port accepts connections.

    Args:
        stack: The stack.
        services: The services with an address, and their instances.
    """
    checks = dict(stack.checks)
    covering = {check.service: check for check in stack.checks.values() if _needs_no_user(check)}
    ready_checks = find_declared_ready(stack)
    for name in services:
        if name in covering or name in checks:
            continue
        service = find_service(stack.declared_services, name)
        checks[name] = _make_check(name, covering.get(service), ready_checks.get(service))
    return checks


def _make_check(name: Name, covering: HttpCheck | TcpCheck | None, ready: ReadyCheck | None) -> Check:
    """Return the health check of an instance: that of its service, that of its ready path, or of its port."""
    if covering is not None:
        return covering.model_copy(update={"service": name})
    if ready is not None:
        return HttpCheck(kind="http", service=name, path=ready.path, auth=ready.auth)
    return TcpCheck(kind="tcp", service=name)
