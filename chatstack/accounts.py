"""The backend's `/api/auth` calls."""

import re
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.mock.clock import iso_now
from chatstack.bodies import BodyError, ReadBody
from chatstack.stores.store import Store, TakenError
from chatstack.tokens import REFRESH, Tokens

_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+$")
_PRIVATE = ("passkeys", "refreshTokens")


class Accounts:
    """The account calls of users.

    Args:
        store: Users.
        tokens: Checks and issues tokens.
        read_body: Reads the bodies of requests.
    """

    def __init__(self, store: Store, tokens: Tokens, read_body: ReadBody) -> None:
        self._store = store
        self._tokens = tokens
        self._read_body = read_body

    def routes(self) -> list[Route]:
        """The calls."""
        return [
            Route("/api/auth/me", self._me, methods=["GET"]),
            Route("/api/auth/register", self._register, methods=["POST"]),
            Route("/api/auth/refresh", self._refresh, methods=["POST"]),
            Route("/api/auth/logout", self._logout, methods=["POST"]),
        ]

    async def _me(self, request: Request) -> Response:
        asker = await self._tokens.asker(request.headers)
        public = {key: value for key, value in asker.user.items() if key not in _PRIVATE}
        return JSONResponse({"success": True, "data": public})

    async def _register(self, request: Request) -> Response:
        body = await self._read_body(request)
        given = {key: body.get(key) for key in ("fullName", "email", "username")}
        for key, value in given.items():
            if not isinstance(value, str) or not value.strip():
                raise BodyError(f"{key} is required")
        if not _EMAIL.match(str(given["email"]).strip()):
            raise BodyError("email is not an e-mail address")
        now = iso_now()
        user: dict[str, Any] = {
            "_id": secrets.token_hex(12),
            **{key: str(value).strip() for key, value in given.items()},
            "role": "user",
            "isActive": True,
            "isEmailVerified": False,
            "passkeys": [],
            "refreshTokens": [],
            "createdAt": now,
            "updatedAt": now,
            "lastLoginAt": None,
        }
        try:
            await self._store.add_users([user])
        except TakenError:
            return JSONResponse({"error": "User already exists"}, 409)
        return JSONResponse({"success": True, "userId": user["_id"]}, 201)

    async def _refresh(self, request: Request) -> Response:
        body = await self._read_body(request)
        token = body.get("refreshToken")
        if not isinstance(token, str):
            raise BodyError("refreshToken is required")
        asker = await self._tokens.check(token, REFRESH)
        return JSONResponse({"success": True, "accessToken": self._tokens.give(asker.user)})

    async def _logout(self, request: Request) -> Response:
        await self._tokens.revoke(await self._tokens.asker(request.headers))
        return JSONResponse({"success": True})
