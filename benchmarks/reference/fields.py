"""Pages of a file's fields, from its JSON Schema."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from bench.core.values import duration

from .markdown import anchor, code, sentences, table

Schema = Mapping[str, Any]
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_TYPES = {"string": "text", "boolean": "true or false", "object": "map", "null": "null"}
_TAGS = ("executor", "kind")
_LONGEST_DEFAULT = 60
_MOST_CHOICES = 3
# Parts of the patterns of `bench.core.values.duration`.
_UNITS, _DOTS = "(ms|s|m|h|d)", r"(\.\."


@dataclass(frozen=True)
class FieldPage:
    """The fields of one kind of file.

    Args:
        title: Heading of the page.
        introduction: Text below it.
        model: What the file is read as.
    """

    title: str
    introduction: str
    model: type[BaseModel]

    def text(self) -> str:
        """Return the page."""
        schema = self.model.model_json_schema()
        definitions: Schema = schema.get("$defs", {})
        parts = [f"# {self.title}\n\n{self.introduction}"]
        # A schema may have more: those of the only executor of a scenario, which have sections of their own.
        declared = {field.alias or name for name, field in self.model.model_fields.items()}
        own = {name: field for name, field in schema["properties"].items() if name in declared}
        parts.append(_section("Top-level fields", {**schema, "properties": own}, definitions))
        names = _names(schema, definitions)
        parts += [
            _section(_heading(name, definitions[name]), definitions[name], definitions) for name in names
        ]
        return "\n".join(parts)


def _section(heading: str, schema: Schema, definitions: Schema) -> str:
    description = sentences(schema.get("description", "").partition("Attributes:")[0])
    required = set(schema.get("required", ()))
    rows = []
    fields = schema.get("properties", {})
    for name, field in sorted(fields.items(), key=lambda item: item[0] not in _TAGS):
        default = "required" if name in required else _default(field)
        rows.append([code(name), _type(field, definitions), default, field.get("description", "")])
    body = table(["field", "type", "default", "description"], rows) if rows else ""
    return "\n".join([f"## {heading}\n", f"{description}\n" if description else "", body])


def _names(schema: Schema, definitions: Schema) -> list[str]:
    """Return the definitions that have fields, in the order of their first use."""
    names: list[str] = []
    waiting = list(_references(schema.get("properties", {})))
    while waiting:
        name = waiting.pop(0)
        if name not in names:
            names.append(name)
            waiting += _references(definitions[name])
    return [name for name in names if definitions[name].get("properties")]


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if "$ref" in part:
            yield part["$ref"].rpartition("/")[2]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _heading(name: str, schema: Schema) -> str:
    """Return `executor: spike` for one of several kinds, else the name in words."""
    for tag in _TAGS:
        constant = schema.get("properties", {}).get(tag, {}).get("const")
        if constant:
            return code(f"{tag}: {constant}")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.lstrip("_"))
    return words.capitalize().replace("Vus", "VUs")


def _type(schema: Schema, definitions: Schema) -> str:
    if "$ref" in schema:
        return _reference(schema["$ref"].rpartition("/")[2], definitions)
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values:
        return " or ".join(code(str(value)) for value in values)
    if kind := _duration(schema):
        return kind
    choices = schema.get("anyOf") or schema.get("oneOf") or []
    if len(choices) > _MOST_CHOICES and any("$ref" in choice for choice in choices):
        return "one of the objects below"
    if choices:
        texts = [_type(choice, definitions) for choice in choices if choice.get("type") != "null"]
        return " or ".join(dict.fromkeys(texts))
    return _simple(schema, definitions)


def _reference(name: str, definitions: Schema) -> str:
    target = definitions[name]
    if not target.get("properties"):
        return _type(target, definitions)
    heading = _heading(name, target)
    return f"[{heading}](#{anchor(heading)})"


def _simple(schema: Schema, definitions: Schema) -> str:
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("prefixItems")
        if items:
            return f"[{', '.join(_type(item, definitions) for item in items)}]"
        return f"list of {_type(schema.get('items', {}), definitions)}"
    if kind == "object":
        patterns = [*schema.get("patternProperties", {}).values()]
        values = patterns[0] if patterns else schema.get("additionalProperties")
        return f"map of {_type(values, definitions)}" if isinstance(values, Mapping) and values else "map"
    bounds = [f"{sign} {schema[key]:,}" for key, sign in _BOUNDS.items() if key in schema]
    name = _TYPES.get(str(kind), str(kind or "any"))
    return " ".join([name, ", ".join(bounds)]).strip()


def _duration(schema: Schema) -> str:
    """Return `duration` or `range of durations` for fields of these types, else an empty text."""
    patterns = [str(choice.get("pattern", "")) for choice in schema.get("anyOf", ())]
    units = [pattern for pattern in patterns if _UNITS in pattern]
    if not units:
        return ""
    return "range of durations" if any(_DOTS in pattern for pattern in units) else "duration"


def _default(field: Schema) -> str:
    default = field.get("default")
    kind = _duration(field)
    if default is None or default in ({}, []):
        return ""
    if kind == "duration":
        return code(duration.format_duration(default))
    if kind:
        return code(duration.format_range((default[0], default[1])))
    text = json.dumps(default, ensure_ascii=False)
    return code(text.strip('"')) if len(text) <= _LONGEST_DEFAULT else "see the type"
