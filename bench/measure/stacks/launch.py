"""What starts an instance of a service: its command, folder, environment and generated files."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.config.configuration import write_configuration
from bench.core.config.inherited_variables import inherit_environment
from bench.core.config.injections import write_knob
from bench.core.config.instances import Instance
from bench.core.config.placeholders import expand
from bench.core.config.stack import CONFIGURATION, OTLP_URL
from bench.core.tiers.environment import otlp_environment
from bench.errors import ConfigError
from bench.measure.stacks.stack_processes import StackProcesses


@dataclass(frozen=True, slots=True)
class Launch:
    """A supervisor to start."""

    name: str
    """Name of the instance."""
    plan: Mapping[str, Any]
    """Commands of the supervisor."""
    environment: Mapping[str, str]
    """Variables of the commands."""
    cwd: Path
    """Folder of the commands."""
    announcement: Path | None = None
    """File for stdout, if the service announces itself; `None` to put stdout into the log."""


def plan_instance(started: StackProcesses, instance: Instance, port: int | None) -> Launch:
    """Return what starts an instance.

    Args:
        started: The stack.
        instance: The instance.
        port: Its port, 0 for one that it chooses itself; `None` if it does not listen.

    Raises:
        ConfigError: A placeholder has no value, or a folder does not exist.
    """
    name = instance.name
    service = instance.service
    values = instance_values(started, instance, port)
    place = f"services.{instance.service_name}"
    plan: dict[str, Any] = {"commands": [expand_texts(service.command, values, f"{place}.command")]}
    if isinstance(service.stop, str):
        plan["stop_signal"] = service.stop
    else:
        plan["stop_commands"] = [expand_texts(service.stop, values, f"{place}.stop")]
    cwd = started.tree
    if service.cwd is not None:
        cwd = cwd / expand(service.cwd, values, f"{place}.cwd")
    if not cwd.is_dir():
        raise ConfigError(
            f"{place}.cwd: the folder {cwd} does not exist", "it is relative to the files of the version"
        )
    environment = _environment(started, instance, values)
    announcement = started.logs.announcement_file(name) if service.announces else None
    return Launch(name, plan, environment, cwd, announcement)


def instance_values(started: StackProcesses, instance: Instance, port: int | None) -> dict[str, str]:
    """Return the values of the placeholders of an instance."""
    values = {
        **started.values_for(instance.service_name),
        CONFIGURATION: str(_configuration_folder(started, instance)),
    }
    if port is not None:
        values["port"] = str(port)
    return values


def update_configuration(started: StackProcesses, instance: Instance, port: int | None) -> bool:
    """Write the configuration files of an instance, and return whether one of them changed.

    Raises:
        ConfigError: A placeholder has no value.
    """
    folder = _configuration_folder(started, instance)
    values = instance_values(started, instance, port)
    has_changed = False
    for name, text in instance.service.configuration.items():
        place = f"services.{instance.service_name}.{CONFIGURATION}.{name}"
        content = write_configuration(
            text, values, started.list_instance_urls(instance.service_name), place
        ).encode()
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            has_changed = True
    return has_changed


def _configuration_folder(started: StackProcesses, instance: Instance) -> Path:
    return Path(started.values["state"]) / CONFIGURATION / instance.name


def expand_texts(texts: Sequence[str], values: Mapping[str, str], where: str) -> list[str]:
    """Replace the placeholders of texts by their values."""
    return [expand(text, values, where) for text in texts]


def _environment(started: StackProcesses, instance: Instance, values: Mapping[str, str]) -> dict[str, str]:
    service = instance.service
    name = instance.service_name
    environment = _inherit(started)
    environment |= otlp_environment(started.stack.tiers.otlp, name, started.values.get(OTLP_URL))
    for variable, text in service.environment.items():
        environment[variable] = expand(text, values, f"services.{name}.environment.{variable}")
    environment |= started.options.variables
    for knob, variable in service.knobs.items():
        injected = started.options.injections.get(f"{name}.{knob}")
        if injected is not None:
            environment[variable] = write_knob(injected)
    if "port" in values:
        environment[service.port_variable] = values["port"]
    return environment


def _inherit(started: StackProcesses) -> dict[str, str]:
    environment = inherit_environment(os.environ)
    if started.options.tree is not None:
        environment["PYTHONPATH"] = str(started.options.tree)
    return environment
