"""What the backend and the agent need of a database."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

Document = Mapping[str, Any]
# Is told whenever a database is asked something.
OnOperation = Callable[[], None]


def uncounted() -> None:
    """Nobody counts."""


class TakenError(Exception):
    """A user of that name or e-mail address is there already."""


class Store(Protocol):
    """The stack's memory. A user document's `_id` is 24 hexadecimal digits, its dates are ISO 8601."""

    async def add_users(self, documents: Sequence[Document]) -> None:
        """Put users in, all or none.

        Raises:
            TakenError: An id, user name or e-mail address is there already.
        """
        ...

    async def remove_users(self, ids: Sequence[str]) -> int:
        """Take users out and say how many were there."""
        ...

    async def user(self, user_id: str) -> dict[str, Any] | None:
        """A user; None when there is none."""
        ...

    async def revoke(self, token: str, expires_at: datetime) -> None:
        """Put a token on the blacklist."""
        ...

    async def is_revoked(self, token: str) -> bool:
        """Whether a token is on the blacklist."""
        ...

    async def add_forms(self, ids: Sequence[str]) -> None:
        """Put generated forms in; one that is there already is no error."""
        ...

    async def remove_forms(self, ids: Sequence[str]) -> int:
        """Take generated forms out and say how many were there."""
        ...

    async def has_form(self, form_id: str) -> bool:
        """Whether a generated form is there."""
        ...

    async def record_publication(self, form_id: str, at: datetime) -> None:
        """Note that a form was published."""
        ...

    async def publications(self, form_id: str) -> int:
        """How often a form was published."""
        ...

    async def record_chat(self, user_id: str, characters: int, at: datetime) -> None:
        """Note that a user chatted: how much was asked, not what."""
        ...

    async def chats(self, user_id: str) -> int:
        """How often a user chatted."""
        ...

    async def close(self) -> None:
        """Give up the connection."""
        ...
