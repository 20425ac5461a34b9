"""The strict reader of request bodies."""

from typing import Any

from starlette.requests import Request

from chatstack.bodies import BodyError, parse_object, read_content
from chatstack.parts.input.text import find_control_character, list_texts

# A message has at most 10,000 characters, and JSON writes a character with at most 12 bytes.
MOST_BYTES = 128 * 1024
_MOST_LEVELS = 8
_JSON = "application/json"
_CHARSETS = {"", "utf-8", "utf8"}
_TOO_LARGE = 413
_UNSUPPORTED = 415


async def checked_object(request: Request) -> dict[str, Any]:
    """Return the body as a JSON object.

    Raises:
        BodyError: The body is not JSON in UTF-8 by its header or its bytes, is too long or too deep, or has a
            control character. A body that is too long by its header is not read.
    """
    _check_headers(request)
    return checked_content(await read_content(request, MOST_BYTES, _TOO_LARGE))


def checked_content(content: bytes) -> dict[str, Any]:
    """Return the JSON object of a body or of a message over a WebSocket.

    Raises:
        BodyError: The content is not JSON in UTF-8, is too long or too deep, or has a control character.
    """
    if len(content) > MOST_BYTES:
        raise _too_large()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise BodyError("the body is not UTF-8") from None
    body = parse_object(text)
    try:
        for part in list_texts(body, _MOST_LEVELS):
            character = find_control_character(part)
            if character is not None:
                raise BodyError(f"the body has the control character {character}")
    except ValueError as error:
        raise BodyError(f"the body has {error}") from None
    return body


def _check_headers(request: Request) -> None:
    kind, *parameters = request.headers.get("content-type", "").split(";")
    if kind.strip().lower() != _JSON:
        raise BodyError(f"the content type must be {_JSON}", _UNSUPPORTED)
    for parameter in parameters:
        name, _, charset = parameter.partition("=")
        if name.strip().lower() == "charset" and charset.strip().strip('"').lower() not in _CHARSETS:
            raise BodyError("the character set must be UTF-8", _UNSUPPORTED)
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise BodyError("the body must not be compressed", _UNSUPPORTED)
    if int(request.headers.get("content-length", "0")) > MOST_BYTES:
        raise _too_large()


def _too_large() -> BodyError:
    return BodyError("the body is too large", _TOO_LARGE)
