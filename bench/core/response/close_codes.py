"""Close codes of a WebSocket: their meaning in words, and the outcome of an answer that they end.

Codes: https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number
"""

from collections.abc import Mapping

from bench.core.response.failure import STATUS_OUTCOMES
from bench.core.samples.sample import Outcome

NORMAL = 1000
GOING_AWAY = 1001
NO_CODE = 1005
LOST = 1006
TOO_BIG = 1009
_NAMES: Mapping[int, str] = {
    NORMAL: "normal closure",
    GOING_AWAY: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    NO_CODE: "no code",
    LOST: "connection lost",
    1007: "invalid data",
    1008: "policy violation",
    TOO_BIG: "message too big",
    1010: "extension required",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
    3000: "unauthorized",
    3003: "forbidden",
    3008: "timeout",
}
_COMPLETE = frozenset({NORMAL, NO_CODE})
_TORN = frozenset({GOING_AWAY, LOST, 1012})
_STATUSES: Mapping[int, int] = {3000: 401, 3003: 403, 3008: 408}
_PRIVATE = 4000
"""Many applications add this number to a status of HTTP: 4401, 4429."""
_ERRORS = range(400, 600)
_LONGEST_REASON = 123  # by RFC 6455


def is_normal(code: int) -> bool:
    """Return whether a server that closes with this code reports no failure."""
    return code in _COMPLETE


def is_torn(code: int) -> bool:
    """Return whether a close with this code reports the end of the server or of the connection only."""
    return code in _TORN


def find_close_outcome(code: int) -> Outcome:
    """Return the outcome of an answer that is not complete when the server closes with this code."""
    if code in _COMPLETE or code in _TORN:
        return Outcome.BAD_STREAM
    status = _STATUSES.get(code, code - _PRIVATE)
    return STATUS_OUTCOMES.get(status, Outcome.HTTP_ERROR)


def describe_close(code: int, reason: str | None) -> str:
    """Return a close in words: `1011 (internal error): out of memory`."""
    name = _NAMES.get(code)
    status = code - _PRIVATE
    if name is None and status in _ERRORS:
        name = f"status {status}"
    words = str(code) if name is None else f"{code} ({name})"
    return f"{words}: {reason[:_LONGEST_REASON]}" if reason else words
