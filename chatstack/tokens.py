"""Authentication with JSON Web Tokens (HS256) and the store of users."""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from jwt.utils import base64url_decode, base64url_encode

from chatstack.signing import Keys
from chatstack.stores.store import Store

ACCESS = "access"
REFRESH = "refresh"
_ALGORITHM = "HS256"
_USER_ID = re.compile(r"^[0-9a-fA-F]{24}$")
# Id of the user whose token the current request presented; `None` before it was accepted.
asking_user: ContextVar[str | None] = ContextVar("chatstack.asking_user", default=None)


class RefusedError(Exception):
    """The token is not accepted; the message is one of the contract's reasons."""


@dataclass(frozen=True, slots=True)
class Asker:
    """A user whose token was accepted.

    Attributes:
        user: Document of the user.
        token: Accepted token.
        expires_at: Expiry time of the token.
    """

    user: dict[str, Any]
    token: str
    expires_at: datetime


def _expiry(seconds: float) -> datetime:
    """Return the expiry time of a token; without one, the last date of the calendar."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)


class Tokens:
    """Checks and issues tokens.

    Args:
        store: Users and blacklist.
        keys: Secrets of the signatures.
        lifetime_s: Lifetime of issued tokens, in seconds.
    """

    def __init__(self, store: Store, keys: Keys, lifetime_s: float) -> None:
        self._store = store
        self._keys = keys
        self._lifetime_s = lifetime_s

    async def asker(self, headers: Mapping[str, str]) -> Asker:
        """Return the user of an `Authorization: Bearer` header.

        Raises:
            RefusedError: The token is missing or invalid, or its user is not active.
        """
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise RefusedError("Access denied")
        return await self.check(token.strip(), ACCESS)

    async def check(self, token: str, kind: str) -> Asker:
        """Return the user of an access token or a refresh token.

        Raises:
            RefusedError: The token is invalid, or its user is not active.
        """
        claims = self._claims(token)
        user_id = claims.get("userId")
        if claims.get("type", ACCESS) != kind or not isinstance(user_id, str) or not _USER_ID.match(user_id):
            raise RefusedError("Invalid token")
        if await self._store.is_revoked(token):
            raise RefusedError("Token revoked")
        user = await self._store.user(user_id.lower())
        if user is None or user.get("isActive") is not True:
            raise RefusedError("Access denied")
        asking_user.set(user_id.lower())
        return Asker(user=user, token=token, expires_at=_expiry(claims["exp"]))

    def give(self, user: Mapping[str, Any]) -> str:
        """Issue an access token for a user."""
        now = datetime.now(UTC)
        claims = {
            "userId": user["_id"],
            "username": user["username"],
            "email": user["email"],
            "role": user["role"],
            "iat": now,
            "exp": now + timedelta(seconds=self._lifetime_s),
        }
        key = self._keys.newest()
        headers = None if key.kid is None else {"kid": key.kid}
        return jwt.encode(claims, key.secret, algorithm=_ALGORITHM, headers=headers)

    async def revoke(self, asker: Asker) -> None:
        """Add a token to the blacklist."""
        await self._store.revoke(asker.token, asker.expires_at)

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            secret = self._keys.secret_of(jwt.get_unverified_header(token).get("kid"))
            if secret is None or not _is_canonical(token):
                raise RefusedError("Invalid token")
            claims: dict[str, Any] = jwt.decode(
                token, secret, algorithms=[_ALGORITHM], options={"require": ["exp"]}
            )
        except jwt.ExpiredSignatureError:
            raise RefusedError("Token expired") from None
        except jwt.InvalidTokenError:
            raise RefusedError("Invalid token") from None
        return claims


def _is_canonical(token: str) -> bool:
    """Return whether the signature has its only canonical text.

    Decoders ignore the last bits of the last character, and foreign characters. A revoked token with another
    text for the same signature would not be on the blacklist.
    """
    signature = token.rpartition(".")[2].encode()
    try:
        return base64url_encode(base64url_decode(signature)) == signature
    except ValueError:
        return False
