"""Tokens of test users: HS256 JSON Web Tokens, equal to those of the stack's own sign-in."""

import secrets
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from pydantic import SecretStr

from bench.core.config.placeholders import expand_all
from bench.core.config.stack import Stack, Users
from bench.errors import ConfigError

SECRET_VARIABLE = "JWT_SECRET"  # noqa: S105 - the variable's name, not a secret
_SECRET_BYTES = 48
_ID_BYTES = 12
_CLOCK_TOLERANCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Account:
    """A test user."""

    id: str
    """24 hexadecimal digits."""
    username: str
    """Contains the run's id."""

    @classmethod
    def make(cls, run_id: str, number: int) -> "Account":
        """Create a test user of a run."""
        return cls(id=secrets.token_hex(_ID_BYTES), username=f"bench-{run_id}-{number}".lower())

    def placeholders(self, now: datetime) -> dict[str, str]:
        """Return the values of `${…}` in the user's document and claims."""
        return {"id": self.id, "username": self.username, "now": now.isoformat()}


def jwt_secret(environ: Mapping[str, str], *, generate: bool) -> SecretStr:
    """Return the secret that signs tokens.

    Args:
        environ: Environment variables, which may contain JWT_SECRET.
        generate: Generate a missing secret. Use this only for a stack that bench itself starts.

    Raises:
        ConfigError: JWT_SECRET is missing, and `generate` is False.
    """
    if environ.get(SECRET_VARIABLE):
        return SecretStr(environ[SECRET_VARIABLE])
    if not generate:
        raise ConfigError(
            f"{SECRET_VARIABLE} is not set",
            f"export {SECRET_VARIABLE}=… with the secret of the stack's backend",
        )
    return SecretStr(secrets.token_urlsafe(_SECRET_BYTES))


def require_users(stack: Stack) -> Users:
    """Return the `users` section of a stack.

    Raises:
        ConfigError: The stack has none.
    """
    if stack.users is None:
        raise ConfigError(
            f"stack '{stack.name}' declares no users", f"add users: to scenarios/stacks/{stack.name}.yaml"
        )
    return stack.users


def make_claims(user: Account, users: Users, now: datetime | None = None) -> dict[str, Any]:
    """Return the claims of a test user's token, which expires after the declared lifetime.

    Its time of issue is a minute ago, because a service whose clock is behind refuses tokens of the future.
    """
    now = now or datetime.now(UTC)
    claims = expand_all(users.claims, user.placeholders(now), "users.claims")
    times = {"iat": now - _CLOCK_TOLERANCE, "exp": now + timedelta(seconds=users.token_lifetime_s)}
    return {**claims, **times}


def mint(user: Account, users: Users, secret: SecretStr, now: datetime | None = None) -> str:
    """Create a token of a test user."""
    with warnings.catch_warnings():
        # The service chose its secret. A short one is its own risk, and none of this measurement.
        warnings.simplefilter("ignore")
        return jwt.encode(make_claims(user, users, now), secret.get_secret_value(), algorithm="HS256")
