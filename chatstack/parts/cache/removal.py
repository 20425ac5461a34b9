"""`DELETE /api/chat/cache`: an administrator removes answers."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chatstack.bodies import BodyError, ReadBody
from chatstack.chat.exchange import UNAVAILABLE
from chatstack.parts.cache.cache import Cache
from chatstack.tokens import Tokens

PATH = "/api/chat/cache"
_FORBIDDEN = 403
_USAGE = 'write {"message": TEXT} to remove the answers to a message, or {"all": true} to remove all'


class Removal:
    """The call that removes answers.

    Args:
        cache: The cache.
        tokens: Checks the tokens of users.
        read_body: Reads the body of a request.
    """

    def __init__(self, cache: Cache, tokens: Tokens, read_body: ReadBody) -> None:
        self._cache = cache
        self._tokens = tokens
        self._read_body = read_body

    def route(self) -> Route:
        """The call."""
        return Route(PATH, self._remove, methods=["DELETE"])

    async def _remove(self, request: Request) -> Response:
        asker = await self._tokens.asker(request.headers)
        if asker.user.get("role") != "admin":
            return JSONResponse({"error": "only an administrator may remove cached answers"}, _FORBIDDEN)
        message = _read_choice(await self._read_body(request))
        try:
            removed = await self._cache.remove(message)
        except ConnectionError as error:
            return JSONResponse({"error": str(error)}, UNAVAILABLE)
        return JSONResponse({"success": True, "removed": removed})


def _read_choice(body: Mapping[str, Any]) -> str | None:
    """Return the message of the body; `None` for all answers.

    The body must name its choice: a proxy that drops the body of a DELETE must not remove all answers.

    Raises:
        BodyError: The body names neither, or both.
    """
    match body:
        case {"message": str() as message, **rest} if not rest and message.strip():
            return message
        case {"all": True, **rest} if not rest:
            return None
        case _:
            raise BodyError(_USAGE)
