"""Errors that a server reports inside a response whose status is 200."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnswerError:
    """An error that a response reports."""

    message: str
    """The server's own words."""
    status: int | None = None
    """The HTTP status in the error, from 400 to 599."""
