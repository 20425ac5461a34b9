"""Stacks: `scenarios/stacks/*.yaml`."""

from pathlib import Path

from bench.core.config.stack import Stack
from bench.errors import ConfigError
from bench.store.declarations import read_yaml
from bench.store.folders import find, shipped

FOLDER = "scenarios"


def load(name: str) -> Stack:
    """A stack by its name.

    Raises:
        ConfigError: There is none of that name, or its file is wrong.
    """
    path = find(FOLDER, f"stacks/{name}.yaml")
    if path is None:
        known = {
            file.stem for folder in (shipped(FOLDER), Path(FOLDER)) for file in folder.glob("stacks/*.yaml")
        }
        raise ConfigError(f"there is no target '{name}'", f"there are: {', '.join(sorted(known))}")
    return read_yaml(path, Stack)
