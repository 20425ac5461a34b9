"""Reads what users write in YAML, and says the line where it is wrong."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from bench.errors import ConfigError
from bench.store.problems import Location, problems

Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path, model: type[Model]) -> Model:
    """Parse a YAML file.

    Raises:
        ConfigError: It cannot be read, is not YAML, or is not what it should be; it says where.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: not YAML: {getattr(error, 'problem', None) or error}") from error
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path}:1: {model.__name__.lower()} expected, which is a mapping of names to values"
        )
    try:
        return model.model_validate(content, by_alias=True, by_name=False)
    except ValidationError as error:
        text = problems(error, lambda where: f"{path}:{_line(root, where)}: ", model, tuple(content))
        raise ConfigError(text, f"all fields: bench schema {model.__name__.lower()}") from error


def _line(node: yaml.Node | None, location: Location) -> int:
    """The line, from 1, of the deepest part of a location that the file has."""
    line = node.start_mark.line if node else 0
    for part in location:
        match node:
            case yaml.MappingNode():
                pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
                if pair is not None:
                    line, node = pair[0].start_mark.line, pair[1]
            case yaml.SequenceNode() if isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line
            case _:
                break
    return line + 1
