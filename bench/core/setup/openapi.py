"""The requests of a service that its OpenAPI document describes, and which of them take a chat message.

Source: https://spec.openapis.org/oas/v3.1.0
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

DOCUMENT_PATHS = ("/openapi.json", "/swagger.json", "/v3/api-docs", "/api/openapi.json")
"""Paths at which common frameworks serve the document."""

_CHAT_WORDS = (
    "chat",
    "ask",
    "message",
    "completion",
    "generate",
    "query",
    "prompt",
    "question",
    "answer",
    "invoke",
)
_MESSAGE_FIELDS = ("message", "prompt", "question", "query", "input", "text", "content", "q")
_MOST_REFERENCES = 8
_OPERATION_NOISE = re.compile(r"\{[^}]*\}")
_MESSAGE = "${message}"
_CONVERSATION = "${conversation}"


@dataclass(frozen=True, slots=True)
class Operation:
    """A request that takes a message."""

    path: str
    """Path of the request, with its method POST."""
    body: Mapping[str, Any]
    """JSON body with `${message}` or `${conversation}` in the place of the message."""


def find_chats(document: Any) -> tuple[Operation, ...]:
    """Return the requests of an OpenAPI document that take a message, the most probable ones first."""
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        return ()
    ranked: list[tuple[int, Operation]] = []
    for path, operations in document["paths"].items():
        post = operations.get("post") if isinstance(operations, dict) else None
        if not isinstance(post, dict) or _OPERATION_NOISE.search(path):
            continue
        body = _make_body(document, post)
        if body is not None:
            ranked.append((_rank(path), Operation(path, body)))
    ranked.sort(key=lambda entry: entry[0])
    return tuple(operation for _, operation in ranked)


def _rank(path: str) -> int:
    """Return the position of the first word of a chat in a path; paths without one come last."""
    lower = path.lower()
    for position, word in enumerate(_CHAT_WORDS):
        if word in lower:
            return position
    return len(_CHAT_WORDS)


def _make_body(document: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an example of the request's JSON body with a place for the message; None without one."""
    request = _resolve(document, operation.get("requestBody"))
    content = request.get("content")
    media = content.get("application/json") if isinstance(content, dict) else None
    schema = _resolve(document, media.get("schema") if isinstance(media, dict) else None)
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return None
    fields = {name: _resolve(document, field) for name, field in properties.items()}
    place = next(_find_places(fields), None)
    if place is None:
        return None
    name, value = place
    body = {name: value}
    required = schema.get("required")
    for other in required if isinstance(required, list) else ():
        if other != name and other in fields:
            body[other] = _example(fields[other])
    return body


def _find_places(fields: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the fields that can hold the message, the most probable one first, with their placeholder."""
    messages = fields.get("messages")
    if messages is not None and _type_of(messages) == "array":
        yield "messages", _CONVERSATION
    for name in _MESSAGE_FIELDS:
        if name in fields and _type_of(fields[name]) == "string":
            yield name, _MESSAGE


def _type_of(schema: Mapping[str, Any]) -> str:
    """Return the type of a value; of several types, the first one that is not null."""
    kind = schema.get("type", "")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "")
    if not kind:
        for part in schema.get("anyOf") or ():
            if isinstance(part, dict) and part.get("type") not in {None, "null"}:
                return str(part["type"])
    return str(kind)


def _example(schema: Mapping[str, Any]) -> Any:
    """Return a value that a required field accepts."""
    for name in ("default", "example", "const"):
        if name in schema:
            return schema[name]
    for name in ("examples", "enum"):
        if isinstance(schema.get(name), list) and schema[name]:
            return schema[name][0]
    examples: dict[str, Any] = {"string": "bench", "integer": 1, "number": 1, "boolean": False, "array": []}
    return examples.get(_type_of(schema), {})


def _resolve(document: Mapping[str, Any], schema: Any) -> Mapping[str, Any]:
    """Return a part of the document, with its references followed; an empty one if it is missing."""
    for _ in range(_MOST_REFERENCES):
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        schema = document
        for key in reference.removeprefix("#/").split("/"):
            schema = (
                schema.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(schema, dict) else None
            )
    return {}
