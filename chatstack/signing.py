"""The keys that sign tokens."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A secret that signs tokens, and its id in their header."""

    secret: str
    kid: str | None = None


class Keys(Protocol):
    """The keys that are accepted now."""

    def newest(self) -> SigningKey:
        """Return the key that signs new tokens."""
        ...

    def secret_of(self, kid: str | None) -> str | None:
        """Return the secret of a key id (`None`: a token without one); `None` if no such key is accepted."""
        ...


class OneKey:
    """A single key without an id, as long as the process runs.

    Args:
        secret: The secret.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def newest(self) -> SigningKey:
        """Return the key that signs new tokens."""
        return SigningKey(self._secret)

    def secret_of(self, kid: str | None) -> str | None:
        """Return the secret; `None` for a token with a key id."""
        return self._secret if kid is None else None
