"""GitHub's description of the operations that bench uses: it validates requests and completes responses."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

FILE = Path(__file__).with_name("operations.json")
_MISSING = object()
_OF_FORMAT = {"date-time": "2026-01-01T00:00:00Z", "uri": "https://github.com/owner/name"}
_OF_TYPE: dict[str, Any] = {
    "string": "",
    "integer": 1,
    "number": 1.0,
    "boolean": False,
    "array": [],
    "null": None,
}
# GitHub sends null here although its description does not: for a deleted fork, and for an empty text.
_MAY_BE_NULL = re.compile(r"(^|\.)(head\.repo|body)$")
_PARAMETER = re.compile(r"\\\{(\w+)\\\}")
_LONGEST_TEXT = 300
_SUCCESS = 200
_REDIRECT = 300


@dataclass(frozen=True)
class Operation:
    """An operation of GitHub's API."""

    name: str
    """Method and path, such as `GET /repos/{owner}/{repo}`."""
    parameters: Mapping[str, Any]
    """Parameters by name: where they stand, and their schema."""
    body: Any
    """Schema of the body of the request; None without one."""
    responses: Mapping[str, Any]
    """Schemas of the bodies of the successful responses, by status; None without one."""

    def check_request(self, query: Mapping[str, str], body: Any) -> Iterator[str]:
        """Yield what is wrong with a request."""
        for name, value in query.items():
            parameter = self.parameters.get(name)
            if parameter is None or parameter["in"] != "query":
                yield f"{self.name} has no parameter {name}"
            else:
                yield from self._errors(f"parameter {name}", parameter["schema"], _typed(value))
        if self.body is None:
            if body is not None:
                yield f"{self.name} has no body"
            return
        yield from self._errors("body", self.body, body)
        unknown = set(body or {}) - set(_resolve(self.body).get("properties", {}))
        if unknown:
            yield f"{self.name}: the body has no field {sorted(unknown)}"

    def complete(self, status: int, value: Any) -> Any:
        """Return a response with all fields that GitHub's response has."""
        schema = self.responses.get(str(status))
        return _complete(schema, value) if schema is not None else value

    def check_response(self, status: int, value: Any) -> Iterator[str]:
        """Yield what is wrong with a successful response."""
        if str(status) not in self.responses:
            yield f"{self.name} has no status {status}"
        elif self.responses[str(status)] is not None:
            yield from self._errors(f"response {status}", self.responses[str(status)], value)

    def _errors(self, place: str, schema: Any, value: Any) -> Iterator[str]:
        for error in _validator(json.dumps(schema)).iter_errors(value):
            path = ".".join(map(str, error.absolute_path))
            if not (error.instance is None and _MAY_BE_NULL.search(path)):
                yield f"{self.name}: {place} {path}: {error.message[:_LONGEST_TEXT]}"


@cache
def _document() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


@cache
def _operations() -> list[tuple[str, re.Pattern[str], Operation]]:
    """Return the operations with the patterns of their paths; the most specific ones come first."""
    operations = []
    for name, described in _document()["operations"].items():
        method, path = name.split(" ")
        pattern = _PARAMETER.sub(_parameter_pattern, re.escape(path))
        operations.append((method, re.compile(pattern), Operation(name, **described)))
    return sorted(
        operations,
        key=lambda entry: len(entry[1].pattern.replace(".+", "").replace("[^/]+", "")),
        reverse=True,
    )


def _parameter_pattern(match: re.Match[str]) -> str:
    """Return the pattern of a parameter. The names of files and branches have slashes."""
    return ".+" if match[1] in {"path", "ref", "basehead"} else "[^/]+"


def find_operation(method: str, path: str) -> Operation | None:
    """Return the operation of a request; None if bench may not send it."""
    for known, pattern, operation in _operations():
        if known == method and pattern.fullmatch(path):
            return operation
    return None


@cache
def describe_exchange(
    method: str, path: str, request: str, status: int, response: str
) -> tuple[str, list[str]]:
    """Return a response with all its fields, and what is wrong with the exchange.

    Args:
        method: HTTP method.
        path: Path below the API's address.
        request: Query and body in JSON.
        status: Status of the response.
        response: Body of the response in JSON.
    """
    operation = find_operation(method, path)
    if operation is None:
        return response, [f"bench may not send {method} {path}: add it to cut.py"]
    query, body = json.loads(request)
    violations = [*operation.check_request(query, body)]
    if not _SUCCESS <= status < _REDIRECT:
        return response, violations
    completed = operation.complete(status, json.loads(response))
    return json.dumps(completed), [*violations, *operation.check_response(status, completed)]


@cache
def _validator(schema: str) -> Any:
    return Draft7Validator({**json.loads(schema), "components": _document()["components"]})


def _typed(value: str) -> Any:
    """Return a parameter of a query as a number or a text."""
    return int(value) if value.isdecimal() else value


def _resolve(schema: Any) -> dict[str, Any]:
    """Return a schema in which references and parts are replaced by their contents."""
    resolved = dict(schema)
    if "$ref" in resolved:
        name = resolved["$ref"].rpartition("/")[2]
        return _resolve(_document()["components"]["schemas"][name])
    for part in resolved.pop("allOf", []):
        for key, value in _resolve(part).items():
            if isinstance(value, dict):
                resolved[key] = {**resolved.get(key, {}), **value}
            elif isinstance(value, list):
                resolved[key] = [*resolved.get(key, []), *value]
            else:
                resolved[key] = value
    return resolved


def _types(schema: dict[str, Any]) -> list[str]:
    """Return the types that a value may have."""
    named = schema.get("type", "object" if "properties" in schema else [])
    return [named] if isinstance(named, str) else list(named)


def _complete(schema: Any, value: Any = _MISSING) -> Any:
    """Return a value with all required fields; a missing value becomes the simplest one of its schema."""
    resolved = _resolve(schema)
    for choice in ("anyOf", "oneOf"):
        if choice in resolved and not _types(resolved):
            return _complete(_choose(resolved[choice], value), value)
    if value is _MISSING:
        return _simplest(resolved)
    if isinstance(value, dict) and "properties" in resolved:
        return _complete_object(resolved, value)
    if isinstance(value, list) and "items" in resolved:
        return [_complete(resolved["items"], entry) for entry in value]
    return value


def _complete_object(schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    completed = dict(value)
    for name in {*schema.get("required", []), *value} & set(schema["properties"]):
        completed[name] = _complete(schema["properties"][name], value.get(name, _MISSING))
    return completed


def _choose(choices: list[Any], value: Any) -> Any:
    """Return the first schema that a value may have; null if the value is missing and may be null."""
    names = {
        dict: "object",
        list: "array",
        str: "string",
        bool: "boolean",
        int: "integer",
        type(None): "null",
    }
    wanted = "null" if value is _MISSING else names.get(type(value), "number")
    for choice in choices:
        if wanted in _types(_resolve(choice)):
            return choice
    return choices[0]


def _simplest(schema: dict[str, Any]) -> Any:
    types = _types(schema)
    if "null" in types or not types:
        return None
    if "enum" in schema:
        return schema["enum"][0]
    if types[0] == "object":
        return _complete_object({"properties": {}, **schema}, {})
    if types[0] == "string":
        return _OF_FORMAT.get(schema.get("format", ""), "")
    return _OF_TYPE[types[0]]
