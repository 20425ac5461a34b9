"""A value that fits a JSON Schema: the arguments of a tool call, or an answer in JSON."""

from collections.abc import Mapping
from typing import Any

_DEEPEST = 12


def value_of(schema: object, word: str) -> Any:
    """Return a value for a JSON Schema. It fits types, names, choices and references, but not every limit.

    Args:
        schema: The schema; anything that is not an object allows any value.
        word: Text of strings.
    """
    return _Filler(schema, word).value(schema)


class _Filler:
    """Makes the values of one schema. References refer to `root`."""

    def __init__(self, root: object, word: str) -> None:
        self._root = root
        self._word = word

    def value(self, schema: object, depth: int = 0) -> Any:
        if not isinstance(schema, Mapping) or depth > _DEEPEST:
            return self._word
        if "const" in schema:
            return schema["const"]
        choices = schema.get("enum")
        if isinstance(choices, list) and choices:
            return choices[0]
        inner = self._inner(schema)
        if inner is not None:
            return self.value(inner, depth + 1)
        return self._typed(schema, depth)

    def _inner(self, schema: Mapping[str, Any]) -> object:
        """Return the schema that this one refers to, or its first alternative; None if there is none."""
        reference = schema.get("$ref")
        if isinstance(reference, str):
            place: Any = self._root
            for name in reference.removeprefix("#").strip("/").split("/"):
                place = place.get(name, {}) if isinstance(place, Mapping) else {}
            return place
        for name in ("anyOf", "oneOf", "allOf"):
            alternatives = schema.get(name)
            if isinstance(alternatives, list) and alternatives:
                return alternatives[0]
        return None

    def _typed(self, schema: Mapping[str, Any], depth: int) -> Any:
        match _type_of(schema):
            case "object":
                properties = schema.get("properties")
                named = properties.items() if isinstance(properties, Mapping) else ()
                return {name: self.value(inner, depth + 1) for name, inner in named}
            case "array":
                return [self.value(schema.get("items"), depth + 1)]
            case "integer" | "number":
                low = schema.get("minimum", 1)
                return low if isinstance(low, int | float) else 1
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self._word


def _type_of(schema: Mapping[str, Any]) -> object:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return kind[0] if isinstance(kind, list) and kind else kind
