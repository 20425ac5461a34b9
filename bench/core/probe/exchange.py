"""One request of a probe and its answer."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bench.core.values import wording
from bench.core.values.escape import hide_texts


class TokenKind(StrEnum):
    """The token of a request. The value is its description in a report, which never contains a token."""

    NONE = "no token"
    VALID = "a valid token"
    MALFORMED = "a text that is no token"
    WRONG_KEY = "a token of a foreign key"
    NO_ALGORITHM = "a token with `alg: none`"
    NO_ALGORITHM_CAPITALS = "a token with `alg: NoNe`"
    NO_SIGNATURE = "a token whose signature was removed"
    OWN_KEY = "a token that contains its key (`jwk`)"
    EMPTY_KEY = "a token with `kid: ../../../dev/null`, signed with an empty key"
    OTHER_ALGORITHM = "a token with `alg: RS256` and an HMAC signature of a foreign key"
    CHANGED_CLAIMS = "a token with the id of another user and the old signature"
    EXPIRED = "a token that expired an hour ago"
    NOT_YET_VALID = "a token that is valid in an hour"


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """A request of a probe, before the token is made."""

    method: str
    """HTTP method."""
    path: str
    """Path below the service's address."""
    token: TokenKind = TokenKind.NONE
    """Kind of the token."""
    body: bytes | None = field(default=None, repr=False)
    """Bytes of the body; `None` without one."""
    content: str = ""
    """Description of the body in a report; empty without one."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers."""
    is_chat: bool = True
    """Whether the request asks the chat, so that an audit log has it."""

    def describe(self) -> str:
        """Return the request for a report, without a secret."""
        parts = [f"{self.method} {self.path}", self.token.value, *filter(None, [self.content])]
        for name, value in self.headers.items():
            parts.append(f"{name}: {value}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """The answer to a request, or the reason for its absence."""

    status: int | None
    """HTTP status; `None` without an answer."""
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case, and values."""
    text: str = field(default="", repr=False)
    """Start of the body. It may contain secrets."""
    shown: str = ""
    """A shorter start of the body for reports, without secrets."""
    problem: str | None = None
    """Why there is no answer; `None` if there is one."""
    is_late: bool = False
    """Whether there is no answer because the time limit of the request was over."""
    sent_s: float = 0.0
    """Monotonic time at which the request was sent."""
    ended_s: float = 0.0
    """Monotonic time of the end of the answer."""

    @property
    def is_success(self) -> bool:
        """Whether the service did what the request asked for."""
        return self.status is not None and 200 <= self.status <= 299  # noqa: PLR2004 - by RFC 9110

    @property
    def is_refusal(self) -> bool:
        """Whether the service blames the request."""
        return self.status is not None and 400 <= self.status <= 499  # noqa: PLR2004 - by RFC 9110

    @property
    def is_crash(self) -> bool:
        """Whether the service failed, or closed the connection, instead of answering or refusing."""
        if self.status is None:
            return not self.is_late
        return self.status >= 500  # noqa: PLR2004 - by RFC 9110

    def header(self, name: str) -> str | None:
        """Return the value of a header; `None` without it."""
        values = [value for other, value in self.headers if other == name]
        return ", ".join(values) if values else None

    def describe(self) -> str:
        """Return the answer for a report: its status and the start of its text, or the problem."""
        if self.status is None:
            return f"no answer: {self.problem}"
        return f"{self.status} {self.shown}".rstrip()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request of a probe and its answer."""

    request: ProbeRequest
    answer: ProbeAnswer
    token: str | None = field(default=None, repr=False)
    """The token that was sent; a secret. `None` without one."""
    user: str | None = None
    """Id of the user of the token; `None` without one."""
    was_cancelled: bool = False
    """Whether the probe left before the end of the answer."""


def show_text(text: str, secrets: Collection[str]) -> str:
    """Return the start of a text on one line, without tokens and other secrets."""
    return wording.shorten(hide_tokens(" ".join(text.split()), secrets), _SHOWN)


def hide_tokens(text: str, secrets: Collection[str]) -> str:
    """Replace tokens and other secrets by `…`."""
    return _TOKEN.sub("…", hide_texts(text, secrets))


_SHOWN = 120
"""Characters of an answer in a report."""
_TOKEN = re.compile(r"\beyJ[\w-]+(\.[\w-]*){0,2}")
"""A JSON Web Token, or its start: the letters are those of `{"` in Base64."""
