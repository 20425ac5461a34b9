"""The call of a chat: its body with any message, also with one that no chat should accept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

MARK = "~probe-message~"
"""Stands for the message in a body."""
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A target at an address, as probes call it."""

    name: str
    """Name of the target."""
    method: str
    """HTTP method."""
    path: str
    """Path below the service's address."""
    body: bytes
    """JSON body, in which `MARK` stands for the message."""
    has_token: bool
    """Whether a request has the token of a user."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers of each request. They may contain the key of an API."""

    def with_message(self, message: str) -> bytes:
        """Return the body with a message."""
        return self.body.replace(MARK.encode(), json.dumps(message)[1:-1].encode())

    def with_value(self, value: bytes) -> bytes:
        """Return the body with a JSON value in place of the message's text."""
        quoted = b'"%s"' % MARK.encode()
        return self.body.replace(quoted, value) if quoted in self.body else value


def show_message(message: str) -> str:
    """Return a message for a report: short ones as JSON, long ones by their length."""
    if len(message) > _SHOWN:
        return f"message of {len(message):,} characters"
    return f"message {json.dumps(message)}"
