"""Read the YAML files that people write. Every error names the file, the line and the field."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from bench.errors import ConfigError
from bench.store.problems import Location, format_location, list_problems

Model = TypeVar("Model", bound=BaseModel)
_KEY_TAGS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"}
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
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
        try:
            self._root = yaml.compose(text, yaml.SafeLoader)
            self._content: Any = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f":{mark.line + 1}" if mark else ""
            problem = getattr(error, "problem", None) or error
            raise ConfigError(f"{path}{line}: this is not YAML: {problem}") from error
        if not isinstance(self._root, yaml.MappingNode) or not isinstance(self._content, dict):
            raise ConfigError(f"{path}:1: the file must be a map of names to values, for example name: quick")
        self._check_keys(self._root, ())

    def parse(self, model: type[Model]) -> Model:
        """Return the content as a value.

        Raises:
            ConfigError: The content is wrong; the message has one line per error.
        """
        try:
            return model.model_validate(self._content, by_alias=True, by_name=False)
        except ValidationError as error:
            schema = _SCHEMAS.get(model.__name__)
            hint = f"all fields: bench schema {schema}" if schema else None
            raise self.invalid(error, model, hint) from error

    def invalid(self, error: ValidationError, model: type[BaseModel], hint: str | None = None) -> ConfigError:
        """Return the error for a wrong content: one line per problem, in the order of the file."""
        problems = list_problems(error, self._content, model)
        problems.sort(key=lambda problem: self._find_line(problem.location))
        lines = []
        for problem in problems:
            lines.append(f"{self.path}:{self._find_line(problem.location)}: {problem.sentence}")
        return ConfigError("\n".join(lines), hint)

    def error(self, location: Location, message: str, hint: str | None = None) -> ConfigError:
        """Return an error in the value at a location."""
        return self._error_at(self._find_line(location), location, message, hint)

    def _error_at(self, line: int, location: Location, message: str, hint: str | None = None) -> ConfigError:
        return ConfigError(f"{self.path}:{line}: {format_location(location)}: {message}", hint)

    def _find_line(self, location: Location) -> int:
        """Return the line, from 1, of the deepest part of a location that the file has."""
        node: yaml.Node | None = self._root
        line = 0
        for part in location:
            match node:
                case yaml.MappingNode():
                    pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
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

    def _check_keys(self, node: yaml.Node, location: Location) -> None:
        """Refuse a key that is not text or that a mapping has twice, where YAML keeps only the last value."""
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._check_keys(item, (*location, index))
        if not isinstance(node, yaml.MappingNode):
            return
        seen: set[str] = set()
        for key, value in node.value:
            place = (*location, str(key.value))
            line = key.start_mark.line + 1
            if key.tag not in _KEY_TAGS:
                raise self._error_at(line, place, "YAML does not read this key as text; write it in quotes")
            if key.value in seen:
                raise self._error_at(line, place, "the field is written twice; remove one of them")
            seen.add(key.value)
            self._check_keys(value, place)
