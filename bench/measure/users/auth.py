"""Tokens of test users: HS256 JSON Web Tokens, as the stack's own sign-in would give them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
from pydantic import SecretStr

from bench.core.config.stack import Stack, Users, expand_all
from bench.errors import ConfigError

SECRET_VARIABLE = "JWT_SECRET"  # noqa: S105 - the variable's name, not a secret


@dataclass(frozen=True, slots=True)
class Account:
    """A user that exists only for a run: `id` is 24 hexadecimal digits."""

    id: str
    username: str

    @classmethod
    def make(cls, run_id: str, number: int) -> "Account":
        """A new user; the name says which run it belongs to."""
        return cls(id=secrets.token_hex(12), username=f"bench-{run_id}-{number}".lower())

    def placeholders(self, now: datetime) -> dict[str, str]:
        """What `${…}` stands for in the user's document and claims."""
        return {"id": self.id, "username": self.username, "now": now.isoformat()}


def jwt_secret(environ: Mapping[str, str], *, generate: bool) -> SecretStr:
    """The secret that tokens are signed with.

    Args:
        environ: Where JWT_SECRET is looked for.
        generate: Make one up when it is not there: right for a stack that we start ourselves.

    Raises:
        ConfigError: It is not there, and the stack that runs already has its own.
    """
    if environ.get(SECRET_VARIABLE):
        return SecretStr(environ[SECRET_VARIABLE])
    if not generate:
        raise ConfigError(
            f"{SECRET_VARIABLE} is not set",
            f"export {SECRET_VARIABLE}=… (the same as the stack's backend has)",
        )
    return SecretStr(secrets.token_urlsafe(48))


def declared_users(stack: Stack) -> Users:
    """How a stack's users are made.

    Raises:
        ConfigError: It declares none.
    """
    if stack.users is None:
        raise ConfigError(
            f"stack '{stack.name}' declares no users", f"add users: to scenarios/stacks/{stack.name}.yaml"
        )
    return stack.users


def mint(user: Account, users: Users, secret: SecretStr, now: datetime | None = None) -> str:
    """A token of a user that is valid from `now` for the lifetime that the stack declares."""
    issued = now or datetime.now(UTC)
    claims = expand_all(users.claims, user.placeholders(issued), "users.claims")
    expires = issued + timedelta(seconds=users.token_lifetime_s)
    return jwt.encode({**claims, "iat": issued, "exp": expires}, secret.get_secret_value(), algorithm="HS256")
