"""Read YAML, and refuse values whose meaning depends on the version of YAML or that JSON cannot hold."""

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from bench.store.problems import Location, format_location

_CORE = "tag:yaml.org,2002:"
_TEXT = f"{_CORE}str"
_FLOAT = f"{_CORE}float"
_PLAIN_TAGS = {f"{_CORE}{name}" for name in ("int", "float", "bool", "null", "merge")}
_TAGS = _PLAIN_TAGS | {_TEXT, f"{_CORE}map", f"{_CORE}seq"}
_KEY_TAGS = {_TEXT, f"{_CORE}merge"}
# Prefix of the tags of plain values that are text in YAML 1.2, but something else in YAML 1.1.
_AMBIGUOUS = "!1.1:"
# Patterns and first letters of the plain values of YAML 1.2 that are not text.
_CORE_SCHEMA = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?(0|[1-9][0-9]{0,99})", "-+0123456789"),
    "float": (r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", "-+.0123456789"),
    "null": (r"~|null|Null|NULL|", ("~", "n", "N", "")),
    "merge": (r"<<", "<"),
}
_MEANINGS = {"bool": "true or false", "timestamp": "a date", "value": "an operator"}
# Values that aliases may repeat. Each alias can double them, so a short file could fill the memory.
_MOST_REPEATED = 100_000
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})( |$)", re.MULTILINE)
_LONGEST_VALUE = 40
_QUOTES_HINT = "write a text in quotes if it has ': ' or ' #', or starts with one of { [ & * ! | > % @ `"
_SYNTAX_SENTENCES = {
    "found character '\\t' that cannot start any token": "a tab is in the indentation; use spaces",
    "but found another document": "a second document begins here; keep one, without the line ---",
}


class YamlError(Exception):
    """A text that is not YAML.

    Args:
        line: Line of the error, from 1.
        sentence: The error.
        hint: The next step for the writer of the text.
    """

    def __init__(self, line: int, sentence: str, hint: str | None = None) -> None:
        super().__init__(sentence)
        self.line = line
        self.sentence = sentence
        self.hint = hint


class NodeProblem(NamedTuple):
    """A key or a value of a YAML text that has no single meaning."""

    line: int
    """Line, from 1."""
    location: Location
    """Keys and list indexes from the top of the text."""
    message: str
    """The error and its cure, without the location."""

    @property
    def sentence(self) -> str:
        """Field and error in words."""
        name = format_location(self.location)
        return f"{name}: {self.message}" if name else self.message


class YamlContent(NamedTuple):
    """A YAML text that was read."""

    root: yaml.Node | None
    """Nodes, which know their lines; None for an empty text."""
    content: Any
    """The content, where values without a single meaning are text."""
    problems: list[NodeProblem]
    """Keys and values that have no single meaning, in the order of the text."""


class _Loader(yaml.SafeLoader):
    """PyYAML's loader, with the numbers, booleans and null of YAML 1.2.

    A plain value that only YAML 1.1 does not read as text, such as `no`, `12:30` or a date, gets an own tag.
    """

    yaml_implicit_resolvers = {}


def _construct_text(loader: _Loader, node: yaml.Node) -> Any:
    """Return the value of a node whose tag is not supported, as if it had none."""
    match node:
        case yaml.ScalarNode():
            return loader.construct_scalar(node)
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            return loader.construct_mapping(node, deep=True)
        case _:
            return None


def _fill_loader() -> None:
    for name, (pattern, letters) in _CORE_SCHEMA.items():
        _Loader.add_implicit_resolver(f"{_CORE}{name}", re.compile(f"^(?:{pattern})$"), list(letters))
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items():
        for tag, pattern in resolvers:
            _Loader.add_implicit_resolver(tag.replace(_CORE, _AMBIGUOUS), pattern, [letter])
    for tag in {*_Loader.yaml_constructors} - _TAGS:
        _Loader.add_constructor(tag, _construct_text)


_fill_loader()


def read_yaml(text: str) -> YamlContent:
    """Return the nodes of a YAML text, its content, and its values without a single meaning.

    Raises:
        YamlError: The text is not YAML.
    """
    conflict = _CONFLICT.search(text)
    if conflict is not None:
        line = text.count("\n", 0, conflict.start()) + 1
        raise YamlError(line, f"Git left a conflict here ({conflict[1]}); keep one side, remove the markers")
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return YamlContent(None, None, [])
        check = _Check(loader)
        check.visit(root, ())
        return YamlContent(root, loader.construct_document(root), sorted(check.problems))
    except yaml.YAMLError as error:
        raise _explain(error, text) from error
    except RecursionError as error:
        raise YamlError(1, "the file is nested too deeply") from error


def _explain(error: yaml.YAMLError, text: str) -> YamlError:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return YamlError(line, f"the character U+{ord(text[error.position]):04X} is not allowed; remove it")
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    line = mark.line + 1 if mark else 1
    if problem in _SYNTAX_SENTENCES:
        return YamlError(line, _SYNTAX_SENTENCES[problem])
    return YamlError(line, f"this is not YAML: {problem}", _QUOTES_HINT)


class _Check:
    """Visits the nodes of a text once each, and collects those that have no single meaning."""

    def __init__(self, loader: _Loader) -> None:
        self.problems: list[NodeProblem] = []
        self._loader = loader
        # Number of values in each visited node, with those that aliases repeat; 0 while its visit goes on.
        self._sizes: dict[int, int] = {}

    def visit(self, node: yaml.Node, location: Location) -> int:
        """Check a node and all nodes in it, and return the number of their values.

        Raises:
            YamlError: An alias repeats itself or too many values, so that the text has no usable content.
        """
        size_before = self._sizes.get(id(node))
        if size_before is not None:
            if size_before == 0:
                raise YamlError(_line(node), "this value has an alias to itself; remove the alias")
            return size_before
        self._sizes[id(node)] = 0
        visited = len(self._sizes)
        size = 1
        for child, place in self._list_children(node, location):
            size += self.visit(child, place)
        if size - (len(self._sizes) - visited) > _MOST_REPEATED:
            raise YamlError(_line(node), f"the aliases repeat more than {_MOST_REPEATED} values")
        self._sizes[id(node)] = size
        return size

    def _list_children(self, node: yaml.Node, location: Location) -> Iterator[tuple[yaml.Node, Location]]:
        """Check a node alone, and yield the nodes in it with their locations."""
        if node.tag not in _TAGS and not node.tag.startswith(_AMBIGUOUS):
            tag = node.tag.replace(_CORE, "!!")
            self._add(node, location, f"the tag {tag} is not supported; remove it")
        match node:
            case yaml.MappingNode():
                self._check_keys(node, location)
                for key, value in node.value:
                    yield value, (*location, str(key.value))
            case yaml.SequenceNode():
                for index, item in enumerate(node.value):
                    yield item, (*location, index)
            case yaml.ScalarNode():
                self._check_scalar(node, location)

    def _check_keys(self, node: yaml.MappingNode, location: Location) -> None:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise YamlError(_line(key), "a key is a list or a map; write a text")
            place = (*location, key.value)
            if key.tag not in _KEY_TAGS:
                self._add(key, place, "YAML does not read this key as text; write it in quotes")
            elif key.value in lines:
                self._add(key, place, f"line {lines[key.value]} has this field too; remove one of them")
            lines.setdefault(key.value, _line(key))

    def _check_scalar(self, node: yaml.ScalarNode, location: Location) -> None:
        value = node.value
        if node.tag.startswith(_AMBIGUOUS):
            self._add(node, location, _describe_ambiguity(value, node.tag.removeprefix(_AMBIGUOUS)))
        elif node.tag in _PLAIN_TAGS and not self._fits(node):
            tag = node.tag.replace(_CORE, "!!")
            raise YamlError(_line(node), f"the tag {tag} does not fit its value; remove the tag")
        elif node.tag == _FLOAT and not math.isfinite(float(value)):
            self._add(node, location, f"{_shorten(value)} is too large for a number")
        if _SURROGATE.search(value):
            self._add(node, location, r"\u with these digits is half a character; write the character itself")

    def _fits(self, node: yaml.ScalarNode) -> bool:
        """Return whether a value has its tag without writing it, so that it can be constructed."""
        tag: str = self._loader.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]
        return tag == node.tag

    def _add(self, node: yaml.Node, location: Location, message: str) -> None:
        self.problems.append(NodeProblem(_line(node), location, message))


def _describe_ambiguity(value: str, kind: str) -> str:
    """Return the error for a plain value that is text in YAML 1.2, but not in YAML 1.1."""
    text = _shorten(value)
    if kind == "float" and value.lower().strip("+-.") in {"nan", "inf"}:
        return f"JSON has no {text}; write a number, or a text in quotes"
    meaning = _MEANINGS.get(kind, "a number")
    alternative = ", or true or false" if kind == "bool" else ""
    return f'YAML may read {text} as {meaning}; write it in quotes: "{text}"{alternative}'


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _shorten(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}…"
