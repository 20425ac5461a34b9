"""Tokens that a chat service must not accept, and tokens of a key with an id."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from bench.core.config.stack import Users
from bench.core.probe.exchange import TokenKind
from bench.measure.users.auth import Account, make_claims

_HOUR = timedelta(hours=1)
_HEADER = {"alg": "HS256", "typ": "JWT"}
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Material:
    """What tokens of a user are made of."""

    claims: Mapping[str, Any]
    other_claims: Mapping[str, Any]
    """Claims of another user."""
    past_claims: Mapping[str, Any]
    """Claims that expired an hour ago."""
    key: bytes
    """The key of the service."""
    foreign: bytes
    """A key that the service does not know."""


def _change_claims(material: _Material) -> str:
    signature = _sign(_HEADER, material.claims, material.key).rpartition(".")[2]
    return f"{_join(_HEADER, material.other_claims)}.{signature}"


def _contain_key(material: _Material) -> str:
    key = {"kty": "oct", "k": _encode(material.foreign)}
    return _sign({**_HEADER, "jwk": key}, material.claims, material.foreign)


def _sign_later(material: _Material) -> str:
    return _sign(_HEADER, {**material.claims, "nbf": datetime.now(UTC) + _HOUR}, material.key)


_MAKERS: dict[TokenKind, Callable[[_Material], str | None]] = {
    TokenKind.NONE: lambda _: None,
    TokenKind.MALFORMED: lambda _: "not.a.token",
    TokenKind.VALID: lambda made: _sign(_HEADER, made.claims, made.key),
    TokenKind.WRONG_KEY: lambda made: _sign(_HEADER, made.claims, made.foreign),
    TokenKind.NO_ALGORITHM: lambda made: _join({**_HEADER, "alg": "none"}, made.claims) + ".",
    TokenKind.NO_ALGORITHM_CAPITALS: lambda made: _join({**_HEADER, "alg": "NoNe"}, made.claims) + ".",
    TokenKind.NO_SIGNATURE: lambda made: _join(_HEADER, made.claims) + ".",
    TokenKind.OWN_KEY: _contain_key,
    TokenKind.EMPTY_KEY: lambda made: _sign({**_HEADER, "kid": "../../../dev/null"}, made.claims, b""),
    TokenKind.OTHER_ALGORITHM: lambda made: _sign({**_HEADER, "alg": "RS256"}, made.claims, made.foreign),
    TokenKind.CHANGED_CLAIMS: _change_claims,
    TokenKind.EXPIRED: lambda made: _sign(_HEADER, made.past_claims, made.key),
    TokenKind.NOT_YET_VALID: _sign_later,
}


class TokenMaker:
    """Makes the tokens of probes.

    Args:
        users: The claims of the stack's tokens.
        secret: The secret that signs valid tokens.
    """

    def __init__(self, users: Users, secret: SecretStr) -> None:
        self._users = users
        self._key = secret.get_secret_value().encode()
        self._issued = 0

    def make(self, kind: TokenKind, user: Account, other: Account) -> str | None:
        """Return a token of this kind; `None` if the request has none.

        Args:
            kind: Kind of the token.
            user: The user of the token.
            other: The user whose id stands in a token with changed claims.
        """
        now = datetime.now(UTC)
        past = {**make_claims(user, self._users, now - 2 * _HOUR), "exp": now - _HOUR}
        material = _Material(
            claims=self._claims(user),
            other_claims=self._claims(other),
            past_claims=past,
            key=self._key,
            foreign=secrets.token_bytes(_KEY_BYTES),
        )
        return _MAKERS[kind](material)

    def sign_with(self, user: Account, key_id: str, key: str) -> str:
        """Return a token of a user that a key with an id signed."""
        return _sign({**_HEADER, "kid": key_id}, self._claims(user), key.encode())

    def _claims(self, user: Account) -> dict[str, Any]:
        """Return the claims of a token; no two tokens are equal."""
        self._issued += 1
        claims = make_claims(user, self._users)
        return {**claims, "iat": claims["iat"] - timedelta(seconds=self._issued)}


def _sign(header: Mapping[str, Any], claims: Mapping[str, Any], key: bytes) -> str:
    text = _join(header, claims)
    return f"{text}.{_encode(hmac.digest(key, text.encode(), hashlib.sha256))}"


def _join(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    numbers = {}
    for name, value in claims.items():
        numbers[name] = int(value.timestamp()) if isinstance(value, datetime) else value
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in (header, numbers)]
    return ".".join(map(_encode, parts))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
