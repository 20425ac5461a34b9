"""Reads the messages of a WebSocket from its bytes, at low cost and within a limit. Without I/O."""

from collections.abc import Iterator

from wsproto.connection import Connection as FrameConnection
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

MAX_MESSAGE_BYTES = 1024 * 1024
"""Largest size of one message."""
# Beginning of a frame that is one complete text message without extensions (RFC 6455, section 5.2).
_WHOLE_TEXT = 0x81
_SHORT = 125  # largest size that the second byte of a frame states
_LENGTH_BYTES = {126: 2, 127: 8}
_MASK = 0x80
_MASK_BYTES = 4

Incoming = bytes | Ping | Pong | CloseConnection
"""A complete message as bytes, or an event of wsproto."""


class MessageTooLargeError(Exception):
    """A message is larger than the limit."""


class FrameReader:
    """Cuts bytes into frames. wsproto reads all frames but complete text messages, which nearly all are.

    wsproto checks each rule of the protocol, and takes twenty times as long.

    Args:
        connection: wsproto's state of the open connection.
    """

    __slots__ = ("_connection", "_held", "_missing", "_parts", "_size")

    def __init__(self, connection: FrameConnection) -> None:
        self._connection = connection
        self._held = b""  # the beginning of a frame whose size is not known
        self._missing = 0  # bytes of a frame that wsproto reads
        self._parts: list[bytes] = []  # of a message that is not complete
        self._size = 0

    @property
    def is_within_message(self) -> bool:
        """Whether a part of a message has arrived."""
        return bool(self._parts)

    def feed(self, data: bytes) -> Iterator[Incoming]:
        """Yield the messages and events that these bytes complete. The caller stops at a `CloseConnection`.

        Raises:
            MessageTooLargeError: A message is larger than `MAX_MESSAGE_BYTES`.
        """
        data = self._held + data
        self._held = b""
        at = 0
        while at < len(data):
            if not self._missing:
                start, size = _measure_frame(data, at)
                if size < 0:
                    self._held = data[at:]
                    return
                if size > MAX_MESSAGE_BYTES:
                    raise MessageTooLargeError
                text = self._read_text(data[at : start + size], start - at, size)
                if text is not None:
                    yield text
                    at = start + size
                    continue
                self._missing = start - at + size
            piece = data[at : at + self._missing]
            self._missing -= len(piece)
            at += len(piece)
            yield from self._read_any(piece)

    def _read_text(self, frame: bytes, start: int, size: int) -> bytes | None:
        """Return the text of a frame that is a complete message; `None` if wsproto must read the frame."""
        is_text = frame[0] == _WHOLE_TEXT and not self._parts
        if not is_text or len(frame) < start + size or not _is_shortest(frame[1], size):
            return None
        text = frame[start:]
        if not text.isascii():
            try:
                text.decode()
            except UnicodeDecodeError:
                return None
        return text

    def _read_any(self, piece: bytes) -> Iterator[Incoming]:
        """Pass bytes to wsproto, and yield its events."""
        self._connection.receive_data(piece)
        for event in self._connection.events():
            if isinstance(event, TextMessage):
                part = event.data.encode()
            elif isinstance(event, BytesMessage):
                part = bytes(event.data)
            else:
                assert isinstance(event, Ping | Pong | CloseConnection)  # noqa: S101 - no other follows
                yield event
                continue
            self._parts.append(part)
            self._size += len(part)
            if self._size > MAX_MESSAGE_BYTES:
                raise MessageTooLargeError
            if event.message_finished:
                message = b"".join(self._parts)
                self._parts = []
                self._size = 0
                yield message


def _measure_frame(data: bytes, at: int) -> tuple[int, int]:
    """Return where the content of the frame at `at` begins, and its size; -1 if it is not known yet."""
    start = at + 2
    if len(data) < start:
        return start, -1
    size = data[at + 1] & ~_MASK
    width = _LENGTH_BYTES.get(size)
    if width is not None:
        if len(data) < start + width:
            return start, -1
        size = int.from_bytes(data[start : start + width])
        start += width
    if data[at + 1] & _MASK:
        start += _MASK_BYTES
    return start, size


def _is_shortest(stated: int, size: int) -> bool:
    """Return whether an unmasked frame states its size in the fewest bytes."""
    return stated == size if size <= _SHORT else stated == (126 if size < 1 << 16 else 127)
