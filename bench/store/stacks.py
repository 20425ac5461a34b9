"""Stacks: `scenarios/stacks/*.yaml`."""

from collections.abc import Mapping
from pathlib import Path

from bench.core.config.stack import Stack
from bench.core.values.nearest import suggest
from bench.errors import ConfigError
from bench.store import folders
from bench.store.folders import SCENARIOS, find, list_names
from bench.store.yaml_file import YamlFile


def load(name: str, variables: Mapping[str, str] | None = None) -> Stack:
    """Read a stack by its name.

    Args:
        name: Name of the stack.
        variables: Variables that replace those of the environment.

    Raises:
        ConfigError: The stack does not exist, or its file is wrong.
    """
    path = find(SCENARIOS, f"stacks/{name}.yaml")
    if path is None:
        raise ConfigError(
            f"stack '{name}' does not exist", suggest(name, list_names(SCENARIOS, "stacks/*.yaml"))
        )
    return YamlFile(path, Stack, (), variables).parse()


def load_from(folder: Path, name: str, variables: Mapping[str, str] | None = None) -> Stack | None:
    """Read a stack that the files of another version declare; `None` if they do not declare it.

    Args:
        folder: The folder of the files, which stands where the current one does.
        name: Name of the stack.
        variables: Variables that replace those of the environment.

    Raises:
        ConfigError: The file of the stack is wrong.
    """
    path = folder / SCENARIOS / f"stacks/{name}.yaml"
    return YamlFile(path, Stack, (), variables).parse() if path.is_file() else None


def is_shipped(name: str) -> bool:
    """Return whether a stack comes with the package."""
    path = find(SCENARIOS, f"stacks/{name}.yaml")
    return path is not None and folders.is_shipped(path, SCENARIOS)


def list_all() -> tuple[str, ...]:
    """Return the names of all stacks."""
    return list_names(SCENARIOS, "stacks/*.yaml")


def find_file(name: str) -> str:
    """Return the path of a stack's file as a repository has it: from the current folder, with slashes."""
    path = find(SCENARIOS, f"stacks/{name}.yaml")
    is_here = path is not None and not path.is_absolute()
    return path.as_posix() if path is not None and is_here else f"{SCENARIOS}/stacks/{name}.yaml"
