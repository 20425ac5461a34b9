"""Request bodies of clients."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request

MAX_BYTES = 1024 * 1024
_BAD_REQUEST = 400


class BodyError(Exception):
    """The body does not fit the call.

    Args:
        message: Text for the client.
        status: Status of the response.
    """

    def __init__(self, message: str, status: int = _BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


ReadBody = Callable[[Request], Awaitable[dict[str, Any]]]
"""Returns the body of a request as a JSON object, or raises a `BodyError`."""
ParseContent = Callable[[bytes], dict[str, Any]]
"""Returns the JSON object of a body or of a message, or raises a `BodyError`."""


async def json_object(request: Request) -> dict[str, Any]:
    """Return the body as a JSON object.

    Raises:
        BodyError: It is not a JSON object, or it is longer than a megabyte.
    """
    return parse_object(await read_content(request, MAX_BYTES))


async def read_content(request: Request, most_bytes: int, status: int = _BAD_REQUEST) -> bytes:
    """Return the bytes of the body.

    Raises:
        BodyError: It is longer than `most_bytes`; the error has this status.
    """
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > most_bytes:
            raise BodyError("the body is too large", status)
    return bytes(content)


def parse_object(content: bytes | str) -> dict[str, Any]:
    """Return the JSON object of a body or of a message.

    Raises:
        BodyError: It is not a JSON object.
    """
    try:
        body = json.loads(content)
        # JSON can contain half a surrogate pair, which later steps cannot encode.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BodyError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BodyError("the body is not a JSON object")
    return body
