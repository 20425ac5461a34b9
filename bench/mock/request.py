"""A request to the mock model, in the words that the three APIs share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson


class BadRequestError(Exception):
    """The request does not fit the API; the message is for the client."""


@dataclass(frozen=True, slots=True)
class DeclaredTool:
    """A tool that a request offers.

    Attributes:
        name: Name of the tool.
        schema: JSON Schema of its arguments.
    """

    name: str
    schema: object


@dataclass(frozen=True, slots=True)
class MockRequest:
    """A request for one answer.

    Attributes:
        model: Name of the model.
        prompt: All texts of the request, for the count of its tokens.
        streamed: True if the tokens leave one by one.
        limit: Largest number of output tokens; None is unlimited.
        tools: Tools that the model may call.
        must_call: True if the request requires a tool call.
        may_call: False if the request forbids tool calls, or its last message is the result of one.
        may_reason: False if the request switches reasoning off.
        schema: JSON Schema of an answer in JSON; None for a text.
        seed: Seed that replaces the model's.
        wants_usage: True if a stream of OpenAI's API ends with the counts.
        inputs: Texts whose vectors are wanted.
        dimensions: Length of a vector.
        is_packed: True if OpenAI's API sends vectors in base64.
        is_empty: True if the request only loads the model, as in Ollama's API.
    """

    model: str
    prompt: str
    streamed: bool
    limit: int | None = None
    tools: tuple[DeclaredTool, ...] = ()
    must_call: bool = False
    may_call: bool = True
    may_reason: bool = True
    schema: object = None
    seed: int | None = None
    wants_usage: bool = False
    inputs: tuple[str, ...] = ()
    dimensions: int = 0
    is_packed: bool = False
    is_empty: bool = False


def read_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object of a body.

    Raises:
        BadRequestError: The body is not a JSON object.
    """
    try:
        body = orjson.loads(content)  # it refuses halves of surrogate pairs, which no answer could contain
    except orjson.JSONDecodeError:
        raise BadRequestError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequestError("the body is not a JSON object")
    return body


def read_model(body: Mapping[str, Any]) -> str:
    """Return the name of the model.

    Raises:
        BadRequestError: It is missing.
    """
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequestError("model must be the name of a model")
    return model


def read_messages(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the messages.

    Raises:
        BadRequestError: They are not a list of objects.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise BadRequestError("messages must be a list of objects")
    return messages


def read_limit(body: Mapping[str, Any], *names: str) -> int | None:
    """Return the largest number of output tokens: the first of these fields that is set.

    Raises:
        BadRequestError: It is not a positive whole number.
    """
    for name in names:
        limit = body.get(name)
        if limit is None:
            continue
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise BadRequestError(f"{name} must be a whole number of at least 1")
        return limit
    return None


def read_seed(body: Mapping[str, Any]) -> int | None:
    """Return the seed of a request; anything but a whole number is none."""
    seed = body.get("seed")
    return seed if isinstance(seed, int) else None


def text_of(content: object) -> str:
    """Return the texts of a message's content: a text, or a list of parts that contain texts."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return text_of(content.get("text") or content.get("content"))
    if isinstance(content, Sequence) and not isinstance(content, bytes):
        return "\n".join(text_of(part) for part in content)
    return ""


def texts_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the texts of all messages."""
    return "\n".join(text_of(message.get("content")) for message in messages)


def read_tools(tools: object, schema_name: str) -> tuple[DeclaredTool, ...]:
    """Return the tools of a request; those without a name are left out.

    Args:
        tools: The field `tools`.
        schema_name: Field that has the schema of a tool's arguments.
    """
    declared: list[DeclaredTool] = []
    for tool in tools if isinstance(tools, list) else ():
        entry = tool.get("function", tool) if isinstance(tool, dict) else None
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            declared.append(DeclaredTool(entry["name"], entry.get(schema_name)))
    return tuple(declared)
