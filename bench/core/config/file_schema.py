"""The JSON Schema of files: what a file may have in addition to the values of its model."""

from typing import Any

Schema = dict[str, Any]
_VARIABLE: Schema = {"type": "string", "pattern": r"\$\{env\."}
# Keywords whose values are schemas, by name or by themselves.
_SCHEMAS_BY_NAME = ("$defs", "properties", "patternProperties")
_SCHEMAS = ("items", "prefixItems", "anyOf", "oneOf", "additionalProperties")
_PLAIN_TYPES = {"integer", "number", "boolean"}
# Parts of a schema that describe a field, whatever its kind.
_ABOUT = ("title", "description", "default", "examples")


def allow_inheritance(schema: Schema) -> Schema:
    """Return the schema of a file that may extend another one, and that needs no name.

    A file that extends another one may have a part of each value, or null. Only its fields are checked.
    """
    alone = {key: schema[key] for key in ("required", "oneOf", "properties") if key in schema}
    alone["required"] = [field for field in alone.get("required", ()) if field != "name"]
    others = {key: value for key, value in schema.items() if key not in alone}
    fields: Schema = {}
    for name, value in schema["properties"].items():
        fields[name] = {key: value[key] for key in ("title", "description") if key in value}
    return {**others, "properties": fields, "if": {"required": ["extends"]}, "else": alone}


def allow_variables(schema: Any) -> Any:
    """Return a schema whose numbers, choices and patterns may be a text with a variable: `${env.N}`."""
    match schema:
        case list():
            return [allow_variables(item) for item in schema]
        case dict() if _is_restricted(schema):
            about = {key: schema[key] for key in _ABOUT if key in schema}
            value = {key: part for key, part in schema.items() if key not in about}
            return {**about, "anyOf": [value, _VARIABLE]}
        case dict():
            return {key: _allow_in_part(key, part) for key, part in schema.items()}
        case _:
            return schema


def _allow_in_part(key: str, part: Any) -> Any:
    if key in _SCHEMAS_BY_NAME:
        return {name: allow_variables(schema) for name, schema in part.items()}
    return allow_variables(part) if key in _SCHEMAS else part


def _is_restricted(schema: Schema) -> bool:
    """Return whether a text with a variable does not conform to the schema of a single value."""
    kind = schema.get("type")
    return kind in _PLAIN_TYPES or (kind == "string" and ("enum" in schema or "pattern" in schema))
