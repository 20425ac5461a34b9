"""Request bodies of clients."""

import json
from typing import Any

from starlette.requests import Request

MAX_BYTES = 1024 * 1024


class BodyError(Exception):
    """The body does not fit the call; the message is for the client."""


async def json_object(request: Request) -> dict[str, Any]:
    """Return the body as a JSON object.

    Raises:
        BodyError: It is not a JSON object, or it is longer than a megabyte.
    """
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MAX_BYTES:
            raise BodyError("the body is too large")
    try:
        body = json.loads(content)
        # JSON can contain half a surrogate pair, which later steps cannot encode.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BodyError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BodyError("the body is not a JSON object")
    return body
