"""Stacks: `scenarios/stacks/*.yaml`."""

from bench.core.config.stack import Stack
from bench.core.values.nearest import suggest
from bench.errors import ConfigError
from bench.store.folders import find, list_names
from bench.store.yaml_file import YamlFile

FOLDER = "scenarios"


def load(name: str) -> Stack:
    """Read a stack by its name.

    Raises:
        ConfigError: The stack does not exist, or its file is wrong.
    """
    path = find(FOLDER, f"stacks/{name}.yaml")
    if path is None:
        raise ConfigError(
            f"stack '{name}' does not exist", suggest(name, list_names(FOLDER, "stacks/*.yaml"))
        )
    return YamlFile(path).parse(Stack)


def list_all() -> tuple[str, ...]:
    """Return the names of all stacks."""
    return list_names(FOLDER, "stacks/*.yaml")
