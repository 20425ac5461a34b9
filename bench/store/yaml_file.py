"""Read the YAML files that people write. Every error names the file, the line and the field."""

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from bench.errors import ConfigError
from bench.store.kinds import find_other_kind
from bench.store.problems import Location, Problem, format_location, list_problems
from bench.store.yaml_nodes import YamlError, read_yaml

Model = TypeVar("Model", bound=BaseModel)
# Files with a JSON Schema, by the class of their content: `bench schema NAME`.
_SCHEMAS = {"Scenario": "scenario", "Target": "target", "Prompts": "prompts", "Stack": "stack"}


class YamlFile:
    """A YAML file whose content is a mapping.

    Raises:
        ConfigError: The file is not readable, or is not such a file; the message names the line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            root, self._content, self._node_problems = read_yaml(_read(path))
        except YamlError as error:
            raise ConfigError(f"{path}:{error.line}: {error.sentence}", error.hint) from error
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(f"{path}:1: the file must be a map of names to values, for example name: quick")
        self._root = root

    def parse(self, model: type[Model]) -> Model:
        """Return the content as a value.

        Raises:
            ConfigError: The content is wrong; the message has one line per error.
        """
        schema = _SCHEMAS.get(model.__name__)
        hint = f"all fields: bench schema {schema}" if schema else None
        try:
            value = model.model_validate(self._content, by_alias=True, by_name=False)
        except ValidationError as error:
            other = find_other_kind({str(name) for name in self._content}, model)
            if other is not None:
                raise ConfigError(f"{self.path}:1: this file is {other}", hint) from error
            raise self.invalid(error, model, hint) from error
        if self._node_problems:
            raise self._error_of([], hint)
        return value

    def has(self, field: str) -> bool:
        """Return whether the file has a field at its top."""
        return field in self._content

    def text_at(self, field: str) -> str | None:
        """Return the text at the top of the file that a field has; None if it has none."""
        value = self._content.get(field)
        return value if isinstance(value, str) else None

    def invalid(self, error: ValidationError, model: type[BaseModel], hint: str | None = None) -> ConfigError:
        """Return the error for a wrong content: one line per problem, in the order of the file."""
        return self._error_of(list_problems(error, self._content, model), hint)

    def _error_of(self, problems: Sequence[Problem], hint: str | None) -> ConfigError:
        """Return the error for wrong values, with those that YAML itself gives no single meaning."""
        sentences: list[tuple[int, str]] = []
        unclear = {_as_text(problem.location) for problem in self._node_problems}
        for node_problem in self._node_problems:
            sentences.append((node_problem.line, node_problem.sentence))
        for problem in problems:
            if _as_text(problem.location) not in unclear:
                sentences.append((self._find_line(problem.location), problem.sentence))
        sentences.sort(key=itemgetter(0))
        return ConfigError("\n".join(f"{self.path}:{line}: {sentence}" for line, sentence in sentences), hint)

    def error(self, location: Location, message: str, hint: str | None = None) -> ConfigError:
        """Return an error in the value at a location."""
        line = self._find_line(location)
        return ConfigError(f"{self.path}:{line}: {format_location(location)}: {message}", hint)

    def _find_line(self, location: Location) -> int:
        """Return the line, from 1, of the deepest part of a location that the file has."""
        node: yaml.Node | None = self._root
        line = 0
        for part in location:
            match node:
                case yaml.MappingNode():
                    # A key of the map itself stands behind the keys that it merges.
                    pair = next((pair for pair in reversed(node.value) if pair[0].value == str(part)), None)
                    if pair is None:
                        break
                    line = pair[0].start_mark.line
                    node = pair[1]
                case yaml.SequenceNode() if isinstance(part, int) and part < len(node.value):
                    node = node.value[part]
                    line = node.start_mark.line
                case _:
                    break
        return line + 1


def _read(path: Path) -> str:
    """Return the text of a file.

    Raises:
        ConfigError: The file is not readable, or is not UTF-8; the message names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}:{line}: the file is not text in UTF-8", "save it with the encoding UTF-8"
        ) from error


def _as_text(location: Location) -> tuple[str, ...]:
    """Return a location whose parts are text, because the content may have a key that is a number."""
    return tuple(str(part) for part in location)
