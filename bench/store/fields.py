"""List the fields that a file may have at a place, from the model's JSON Schema."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]


def list_fields(model: type[BaseModel], path: Sequence[int | str]) -> tuple[str, ...]:
    """Return the names of the fields of an object in a file.

    Args:
        model: Expected content of the file.
        path: Place of the object, as pydantic reports it: with the kind that was chosen of a union.
    """
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    node = _resolve(schema, definitions)
    for part in path:
        node = _resolve(_find_child(node, part, definitions), definitions)
    names = list(node.get("properties", ()))
    for branch in _branches(node):
        names += _resolve(branch, definitions).get("properties", ())
    return tuple(names)


def _find_child(node: Schema, part: int | str, definitions: Schema) -> Schema:
    """Return the schema of a part of an object, list or union; the node itself if it has no such part."""
    kinds: Schema = node.get("discriminator", {}).get("mapping", {})
    properties: Schema = node.get("properties", {})
    if part in kinds:
        return {"$ref": kinds[str(part)]}
    if part in properties:
        return dict(properties[str(part)])
    if isinstance(part, int) and "items" in node:
        return dict(node["items"])
    for branch in _branches(node):
        resolved = _resolve(branch, definitions)
        child = _find_child(resolved, part, definitions)
        if child is not resolved:
            return child
    for values in (*node.get("patternProperties", {}).values(), node.get("additionalProperties")):
        if isinstance(values, dict):
            return values
    return node


def _branches(node: Schema) -> list[Schema]:
    """Return the schemas of a union."""
    return [*node.get("anyOf", ()), *node.get("oneOf", ())]


def _resolve(node: Schema, definitions: Schema) -> Schema:
    reference = node.get("$ref")
    return node if reference is None else definitions[reference.rpartition("/")[2]]
