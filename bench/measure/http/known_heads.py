"""Remembers the heads of replies that were parsed before: most servers send the same head again and again.

A head with a date changes once a second, and a parsed head with a length says everything about its reply. So
most replies that arrive in one read need no parser. Equal bytes have an equal meaning: a head is kept only
after the parser has read it in a complete reply.
"""

from typing import NamedTuple

from bench.measure.http.wire import Reply

HEAD_END = b"\r\n\r\n"
_MOST_HEADS = 64
_LONGEST_HEAD = 4096
_LENGTH = b"content-length"


class KnownHead(NamedTuple):
    """The head of a reply with a content length, on a connection that stays open."""

    status: int
    """HTTP status."""
    headers: list[tuple[bytes, bytes]]
    """Headers, with names in lower case; all replies with this head share the list."""
    length: int
    """Size of the body in bytes."""


class KnownHeads:
    """The heads of one process, by their bytes."""

    def __init__(self) -> None:
        self._heads: dict[bytes, KnownHead] = {}
        self.find = self._heads.get
        """Returns the head of these bytes, which are those before the empty line; `None` if it is unknown."""

    def learn(self, data: bytes, reply: Reply) -> None:
        """Keep the head of a complete reply that arrived in one read.

        Args:
            data: The bytes of the read.
            reply: The reply, which has no encoding and did not close its connection.
        """
        head, _, body = data.partition(HEAD_END)
        if len(head) > _LONGEST_HEAD or reply.has_timing:  # times differ from reply to reply
            return
        if not any(name == _LENGTH for name, _ in reply.headers):
            return
        # Bytes before or behind the reply, such as an informational one, are no part of this head.
        if len(body) != len(reply.body) or not head.startswith(b"HTTP/1.1 %d " % reply.status):
            return
        if len(self._heads) >= _MOST_HEADS:
            self._heads.clear()
        self._heads[head] = KnownHead(reply.status, reply.headers, len(body))
