"""Recognises a message that differs from an earlier one only in its text, without parsing it.

Each message of a WebSocket may be the last one, so it must be understood at once. Nearly all messages are a
piece of text in the same document as before, and need not be: parsing them together costs a fraction.
"""

import re
from collections.abc import Collection

_KEY = re.compile(rb'"([^"]*)"\s*:\s*$')
_TEXT = re.compile(rb'[^"\\\x00-\x1f]*')  # a text of JSON without escapes


class RepeatedShape:
    """The bytes around the text of the newest message that was only a piece of text.

    Args:
        decisive: Names of fields whose values may end the answer; their values are never taken for a text.
    """

    __slots__ = ("_after", "_before", "_decisive", "_is_known")

    def __init__(self, decisive: Collection[str]) -> None:
        self._decisive = decisive
        self._is_known = False
        self._before = b""
        self._after = b""

    def fits(self, message: bytes) -> bool:
        """Return whether a message is the newest one with another text, which needs no escapes."""
        if not self._is_known or not message.startswith(self._before) or not message.endswith(self._after):
            return False
        start = len(self._before)
        end = len(message) - len(self._after)
        return start <= end and _TEXT.fullmatch(message, start, end) is not None

    def learn(self, message: bytes, text: str) -> None:
        """Take the shape of a message that was only this piece of text."""
        before, quoted, after = message.partition(b'"' + text.encode(errors="replace") + b'"')
        key = _KEY.search(before)
        is_unique = bool(quoted) and quoted not in after
        self._is_known = is_unique and key is not None and key[1].decode() not in self._decisive
        self._before = before + b'"'
        self._after = b'"' + after
