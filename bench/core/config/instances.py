"""The instances of services: a service itself, or each of its replicas `backend-1`, `backend-2`, ….

A service with several replicas has no address of its own, unless another one distributes its requests.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from bench.core.config.service import Service
from bench.core.config.target import Name
from bench.core.values.nearest import suggest
from bench.core.values.record import FieldError

_BEFORE_NUMBER = "-"
_BETWEEN_ADDRESSES = ","
_AFTER_SCHEME = "://"


class Replicable(Protocol):
    """The declaration of a service that may have several instances: a process, or a container."""

    @property
    def replicas(self) -> int | None: ...  # noqa: D102 - a field of the declarations

    @property
    def balances(self) -> Name | None: ...  # noqa: D102 - likewise


@dataclass(frozen=True, slots=True)
class Instance:
    """One process of a service, with all processes that it starts."""

    name: Name
    """Name of the service, or of the replica: `backend-2`."""
    service_name: Name
    """Name of the service."""
    service: Service
    """Declaration of the service."""


def list_instances(services: Mapping[Name, Service]) -> tuple[Instance, ...]:
    """Return the instances of all services, in the order in which they start."""
    instances: list[Instance] = []
    for name, service in services.items():
        if service.replicas is None:
            instances.append(Instance(name, name, service))
        for number in range(1, (service.replicas or 0) + 1):
            instances.append(Instance(name_replica(name, number), name, service))
    return tuple(instances)


def name_replica(service: Name, number: int) -> Name:
    """Return the name of a replica: `("backend", 2)` → `backend-2`."""
    return f"{service}{_BEFORE_NUMBER}{number}"


def check_instances(services: Mapping[Name, Replicable]) -> None:
    """Check the names of instances, and the services that distribute requests.

    Raises:
        FieldError: Two instances have the same name, or a balancer has no service before it.
    """
    for name, service in services.items():
        for number in range(1, (service.replicas or 0) + 1):
            replica = name_replica(name, number)
            if replica in services:
                message = f"its instance '{replica}' has the name of another service"
                raise FieldError(("services", name), message)
    earlier: list[Name] = []
    for name, service in services.items():
        other = service.balances
        place = ("services", name, "balances")
        if other is not None and other not in earlier:
            message = f"no service '{other}' starts before this one; {suggest(other, earlier)}"
            raise FieldError(place, message)
        if other is not None and services[other].replicas is None:
            message = f"needs instances of '{other}'; declare `replicas: 1`, or more, there"
            raise FieldError(place, message)
        if other is not None and find_balancer(services, other) != name:
            raise FieldError(place, f"service '{find_balancer(services, other)}' already balances '{other}'")
        earlier.append(name)


def select_instances(
    services: Mapping[Name, Replicable], service: Name, names: Iterable[Name]
) -> tuple[Name, ...]:
    """Return the names that are instances of a service: its replicas by number, or the service itself.

    Args:
        services: The services of the stack.
        service: Name of the service.
        names: Names of services and instances.
    """
    declared = services.get(service)
    if declared is None or declared.replicas is None:
        return tuple(name for name in names if name == service)
    by_number: dict[int, Name] = {}
    for name in names:
        beginning, _, number = name.rpartition(_BEFORE_NUMBER)
        if beginning == service and number.isdecimal():
            by_number[int(number)] = name
    return tuple(by_number[number] for number in sorted(by_number))


def find_service(services: Mapping[Name, Replicable], instance: Name) -> Name:
    """Return the service that an instance belongs to: `backend-2` → `backend`."""
    beginning, _, number = instance.rpartition(_BEFORE_NUMBER)
    declared = services.get(beginning)
    is_replica = instance not in services and declared is not None and declared.replicas is not None
    return beginning if is_replica and number.isdecimal() else instance


def find_balancer(services: Mapping[Name, Replicable], service: Name) -> Name | None:
    """Return the service that distributes the requests for a service; `None` without one."""
    for name, other in services.items():
        if other.balances == service:
            return name
    return None


def has_one_address(services: Mapping[Name, Replicable], service: Name) -> bool:
    """Return whether a service has one address: its own, or that of its only replica or of its balancer."""
    return (services[service].replicas or 1) == 1 or find_balancer(services, service) is not None


def share_addresses(services: Mapping[Name, Replicable], urls: Mapping[Name, str]) -> dict[Name, str]:
    """Return the addresses of instances, with those of replicated services that have one address.

    Args:
        services: The services of the stack.
        urls: Addresses by instance.
    """
    shared = dict(urls)
    for name, service in services.items():
        instances = select_instances(services, name, urls)
        if service.replicas is not None and len(instances) == 1:
            shared[name] = urls[instances[0]]
        if service.balances is not None and name in urls:
            shared[service.balances] = urls[name]
    return shared


def address_values(services: Mapping[Name, Replicable], urls: Mapping[Name, str]) -> dict[str, str]:
    """Return the values of the placeholders of addresses: `backend.url`, `backend.addresses`, ….

    Args:
        services: The services of the stack.
        urls: Addresses by instance, and by replicated service.
    """
    values: dict[str, str] = {}
    for name, url in urls.items():
        values[f"{name}.url"] = url
        values[f"{name}.address"] = address_of(url)
    for name in services:
        instances = select_instances(services, name, urls)
        values[f"{name}.urls"] = _BETWEEN_ADDRESSES.join(urls[instance] for instance in instances)
        addresses = [address_of(urls[instance]) for instance in instances]
        values[f"{name}.addresses"] = _BETWEEN_ADDRESSES.join(addresses)
    return values


def address_of(url: str) -> str:
    """Return host and port of an address: `http://127.0.0.1:3000` → `127.0.0.1:3000`."""
    return url.partition(_AFTER_SCHEME)[2].partition("/")[0]
