"""The database interface of the backend and the agent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

Document = Mapping[str, Any]
# Called at every database operation.
OnOperation = Callable[[], None]
# Outcome of a chat whose answer is not complete.
OPEN = "open"


def uncounted() -> None:
    """Nobody counts."""


class TakenError(Exception):
    """A user with that name or e-mail address exists already."""


@dataclass(frozen=True, slots=True)
class ChatRecord:
    """A record of one chat interaction in the audit log."""

    id: str
    """Its id, 24 hexadecimal digits."""
    at: datetime
    """Time of the request."""
    user_id: str | None
    """Id of the user; `None` if no token was accepted."""
    characters: int | None = None
    """Length of the message; `None` if no message was accepted."""
    message_sha256: str | None = None
    """SHA-256 of the message in UTF-8, in hexadecimal digits."""
    outcome: str = OPEN
    """`answered`, `refused`, `failed` or `cancelled`; `open` while the answer is not complete."""
    status: int | None = None
    """Status of the response or of its error; `None` without one."""
    answer_characters: int = 0
    """Length of the text that was sent."""
    duration_s: float | None = None
    """Time from the request to the end of the answer, in seconds."""
    message: str | None = None
    """Text of the message, if the log keeps texts."""
    answer: str | None = None
    """Text of the answer, if the log keeps texts."""


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

    async def save_chat_record(self, record: ChatRecord) -> None:
        """Write a record of the audit log, and replace that with its id. An open record replaces none."""
        ...

    async def chat_records(self, user_id: str | None) -> list[ChatRecord]:
        """Return the records of a user, or of requests without a user, in the order of their times."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...
