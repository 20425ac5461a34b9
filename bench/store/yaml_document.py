"""One YAML text with the lines of its values, and the documents of the files that a file extends."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from bench.core.config.inheritance import Inheriting
from bench.core.values.nearest import suggest
from bench.errors import ConfigError
from bench.store.folders import find_extended, list_extendable
from bench.store.problems import Location
from bench.store.yaml_nodes import NodeProblem, YamlError, read_yaml

_EXTENDS = "extends"


@dataclass(frozen=True, eq=False, slots=True)
class YamlDocument:
    """The content of a YAML file, and the lines of its values."""

    path: Path
    """The file."""
    root: yaml.MappingNode
    """Nodes, which know their lines."""
    content: Mapping[str, Any]
    """The content."""
    problems: tuple[NodeProblem, ...]
    """Keys and values that have no single meaning."""

    @property
    def extends(self) -> str | None:
        """Name or relative path of the file that this one extends; None if it extends none.

        Raises:
            ConfigError: The field is not a text.
        """
        value = self.content.get(_EXTENDS)
        if value is None or isinstance(value, str):
            return value
        raise self.error("must be the name of a file, or its path")

    @property
    def own_content(self) -> dict[str, Any]:
        """The content without the name of the file that this one extends."""
        return {name: value for name, value in self.content.items() if name != _EXTENDS}

    def find_line(self, location: Location) -> int:
        """Return the line, from 1, of the deepest part of a location that the file has."""
        node: yaml.Node | None = self.root
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

    def error(self, message: str, hint: str | None = None) -> ConfigError:
        """Return an error in the name of the file that this one extends."""
        line = self.find_line((_EXTENDS,))
        return ConfigError(f"{self.path}:{line}: {_EXTENDS}: {message}", hint)


def read_documents(path: Path, model: type[BaseModel]) -> tuple[YamlDocument, ...]:
    """Read a file and the files that it extends, the next one first.

    Args:
        path: The file.
        model: The expected content. Only some kinds of files can extend others.

    Raises:
        ConfigError: A file does not exist, is not readable, extends itself, or is not a map.
    """
    documents = [_read_document(path)]
    while issubclass(model, Inheriting) and (name := documents[-1].extends) is not None:
        last = documents[-1]
        extended = find_extended(last.path, name, model.folder)
        if extended is None:
            names = list_extendable(last.path, model.folder)
            raise last.error(f"there is no file {name}", suggest(name, names))
        names_before = [document.path.resolve() for document in documents]
        if extended.resolve() in names_before:
            chain = " → ".join(document.path.stem for document in documents)
            raise last.error(f"the files extend each other: {chain} → {extended.stem}", "remove one of them")
        documents.append(_read_document(extended))
    return tuple(documents)


def _read_document(path: Path) -> YamlDocument:
    """Read one file.

    Raises:
        ConfigError: The file is not readable, or is not a map; the message names the line.
    """
    try:
        root, content, problems = read_yaml(_read(path))
    except YamlError as error:
        raise ConfigError(f"{path}:{error.line}: {error.sentence}", error.hint) from error
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}:1: the file must be a map of names to values, for example name: quick")
    return YamlDocument(path, root, content, tuple(problems))


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
