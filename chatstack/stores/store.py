"""The database interface of the backend and the agent."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

Document = Mapping[str, Any]
# Called at every database operation.
OnOperation = Callable[[], None]


def uncounted() -> None:
    """Nobody counts."""


class TakenError(Exception):
    """A user with that name or e-mail address exists already."""


class Store(Protocol):
    """The data of the stack. A user document's `_id` has 24 hexadecimal digits, its dates are ISO 8601."""

    async def add_users(self, documents: Sequence[Document]) -> None:
        """Add users: all of them, or no user.

        Raises:
            TakenError: An id, user name or e-mail address exists already.
        """
        ...

    async def remove_users(self, ids: Sequence[str]) -> int:
        """Remove users, and return the number of removed ones."""
        ...

    async def user(self, user_id: str) -> dict[str, Any] | None:
        """Return a user; `None` if it does not exist."""
        ...

    async def revoke(self, token: str, expires_at: datetime) -> None:
        """Add a token to the blacklist."""
        ...

    async def is_revoked(self, token: str) -> bool:
        """Check whether a token is on the blacklist."""
        ...

    async def add_forms(self, ids: Sequence[str]) -> None:
        """Add generated forms. An existing form is not an error."""
        ...

    async def remove_forms(self, ids: Sequence[str]) -> int:
        """Remove generated forms, and return the number of removed ones."""
        ...

    async def has_form(self, form_id: str) -> bool:
        """Check whether a generated form exists."""
        ...

    async def record_publication(self, form_id: str, at: datetime) -> None:
        """Record that a form was published."""
        ...

    async def publications(self, form_id: str) -> int:
        """Return the number of publications of a form."""
        ...

    async def record_chat(self, user_id: str, characters: int, at: datetime) -> None:
        """Record a chat of a user: the length of the message, not its text."""
        ...

    async def chats(self, user_id: str) -> int:
        """Return the number of chats of a user."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...
