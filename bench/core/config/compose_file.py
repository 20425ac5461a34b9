"""A compose file as `docker compose config` prints it, changed so that two versions of it can be up at once.

Two versions on one machine must not have the same ports, names of containers, volumes or networks. Compose
gives a project its own names where the file does not set them, so those that the file sets are removed.

Format: https://github.com/compose-spec/compose-spec. The older program `docker-compose` prints short forms.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from typing import Any

from bench.core.config.compose import Compose, list_images

Config = Mapping[str, Any]
"""The parsed output of `docker compose config`."""
_PROJECT_OBJECTS = ("volumes", "networks", "secrets", "configs")
# Compose names these after the project, and the file's own value would be the same in both versions.
_OWN_NAMES = ("container_name", "profiles", "build", "ports")


def active_services(config: Config, profiles: Collection[str]) -> tuple[str, ...]:
    """Return the services that the profiles start, in the order of the file."""
    return tuple(list_images(config, profiles))


def add_dependencies(config: Config, names: Collection[str]) -> tuple[str, ...]:
    """Return some services and all those that they depend on, in the order of the file."""
    services = config["services"]
    wanted: set[str] = set()
    waiting = [name for name in names if name in services]
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += [other for other in services[name].get("depends_on", ()) if other in services]
    return tuple(name for name in services if name in wanted)


def isolate(
    config: Config,
    kept: Collection[str],
    compose: Compose,
    *,
    images: Mapping[str, str],
    ports: Mapping[str, int],
) -> dict[str, Any]:
    """Return a compose file of some services that shares no name and no port with another project.

    Args:
        config: The file, with all services.
        kept: Services that the result has. Dependencies on others are removed.
        compose: The declaration. Its caches keep their names.
        images: Images that replace those of the file, by service.
        ports: Ports of this machine by the names of the declaration. No other port is open.
    """
    isolated = deepcopy(dict(config))
    isolated.pop("name", None)
    services = {}
    for name in kept:
        services[name] = _isolate_service(isolated["services"][name], kept)
        if name in images:
            services[name] |= {"image": images[name], "pull_policy": "never"}
    for name, port in ports.items():
        service = services.get(compose.compose_name(name))
        if service is not None:
            service["ports"] = [f"127.0.0.1:{port}:{compose.services[name].port}"]
    isolated["services"] = services
    for kind in _PROJECT_OBJECTS:
        used = _list_used(services.values(), kind)
        objects = {name: value for name, value in (isolated.get(kind) or {}).items() if name in used}
        for declared in objects.values():
            if declared and not declared.get("external") and declared.get("name") not in compose.caches:
                declared.pop("name", None)
        isolated[kind] = objects
    return {key: value for key, value in isolated.items() if value}


def _list_used(services: Collection[Mapping[str, Any]], kind: str) -> set[str]:
    """Return the volumes, networks, secrets or configs that services use, by their names in the file."""
    used: set[str] = set()
    for service in services:
        for entry in service.get(kind) or ():
            used.add(
                str(entry.get("source", "")) if isinstance(entry, dict) else str(entry).partition(":")[0]
            )
    if kind == "networks":
        used.add("default")
    return used


def _isolate_service(service: dict[str, Any], kept: Collection[str]) -> dict[str, Any]:
    """Return a service without its own names, and without references to services that are not kept."""
    isolated = {key: value for key, value in service.items() if key not in _OWN_NAMES}
    dependencies = isolated.get("depends_on")
    if isinstance(dependencies, dict):
        isolated["depends_on"] = {name: value for name, value in dependencies.items() if name in kept}
    elif dependencies:
        isolated["depends_on"] = [name for name in dependencies if name in kept]
    if "links" in isolated:
        isolated["links"] = [link for link in isolated["links"] if link.partition(":")[0] in kept]
    return isolated


def find_conflict(config: Config, kept: Collection[str]) -> str | None:
    """Return why two versions of some services cannot be up at once; `None` if they can."""
    networks: set[str] = set()
    for name in kept:
        service = config["services"][name]
        if service.get("network_mode") == "host":
            return f"service '{name}' uses the network of this machine"
        networks |= set(service.get("networks") or {"default": None})
    for name in sorted(networks):
        declared = (config.get("networks") or {}).get(name) or {}
        if (declared.get("ipam") or {}).get("config"):
            return f"network '{name}' has a fixed range of addresses"
    return None


def list_aliases(config: Config, service: str) -> dict[str, list[str]]:
    """Return the names of a service by the networks of the file that it is in; empty without any."""
    declared = config["services"][service]
    if declared.get("network_mode"):
        return {}
    networks = declared.get("networks") or {"default": None}
    if not isinstance(networks, dict):
        networks = dict.fromkeys(networks)
    names = [service, *filter(None, [declared.get("container_name")])]
    names += [link.partition(":")[2] for link in _links_to(config, service) if ":" in link]
    aliases: dict[str, list[str]] = {}
    for network, options in networks.items():
        if not ((config.get("networks") or {}).get(network) or {}).get("external"):
            aliases[network] = list(dict.fromkeys([*names, *((options or {}).get("aliases") or ())]))
    return aliases


def _links_to(config: Config, service: str) -> Iterator[str]:
    for other in config["services"].values():
        for link in other.get("links", ()):
            if link.partition(":")[0] == service:
                yield link


def describe_services(config: Config, kept: Collection[str], compose: Compose, folder: str) -> str:
    """Return a text that is equal for two versions if they declare some services alike.

    Args:
        config: The file.
        kept: The services.
        compose: The declaration.
        folder: The folder of the version, whose path differs between two versions.
    """
    isolated = isolate(config, kept, compose, images={}, ports={})
    return json.dumps(isolated, sort_keys=True, default=str).replace(folder, ".")
