"""Encodings of a body. Some servers and proxies compress, although every request asks for `identity`."""

import zlib
from collections.abc import Iterable

from bench.measure.http.wire import WireError, WireFault

_PLAIN = frozenset({"", "identity", "none"})
_ZLIB = frozenset({"gzip", "x-gzip", "deflate"})
_MOST_ENCODINGS = 5
"""Largest number of encodings, one on top of the other."""
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_RAW_DEFLATE = -zlib.MAX_WBITS
_GZIP_FIRST_BYTE = b"\x1f"
_SHOWN_CHARACTERS = 40


class BodyDecoder:
    """Decodes the body of one reply part by part.

    Args:
        encodings: The encodings in the order in which the server applied them.
        limit: Largest number of decoded bytes.

    Attributes:
        names: The encodings in one text, such as `gzip`.
    """

    def __init__(self, encodings: list[str], limit: int) -> None:
        self.names = ", ".join(encodings)
        self._limit = limit
        self._room = limit
        self._steps: list[_Inflater] = []
        if len(encodings) <= _MOST_ENCODINGS and _ZLIB.issuperset(encodings):
            self._steps = [_Inflater(encoding) for encoding in reversed(encodings)]

    def decode(self, part: bytes) -> bytes:
        """Return the decoded bytes of a part, which may be empty.

        Raises:
            WireError: The encoding is unknown, the bytes are wrong, or the decoded body is too long.
        """
        if not self._steps:
            shown = self.names[:_SHOWN_CHARACTERS]
            message = f"the response has the encoding {shown}, which was not requested"
            raise WireError(WireFault.BAD_STREAM, message)
        for step in self._steps:
            try:
                part = step.decode(part, self._room)
            except zlib.error as error:
                raise WireError(WireFault.BAD_STREAM, f"the response is not {self.names}: {error}") from None
            if len(part) > self._room:
                raise WireError(WireFault.TOO_LARGE, f"the response is longer than {self._limit} bytes")
        self._room -= len(part)
        return part


class _Inflater:
    """Decodes gzip and deflate. The bytes after their end are ignored, except another gzip member."""

    def __init__(self, encoding: str) -> None:
        self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._may_be_raw = encoding == "deflate"
        self._beginning = b""
        self._is_over = False

    def decode(self, part: bytes, room: int) -> bytes:
        """Return the decoded bytes of a part. They may be too long, and then some are missing."""
        if self._may_be_raw:
            part = self._choose_form(part)
        decoded = b""
        while part and not self._is_over and len(decoded) <= room:
            if self._stream.eof:
                self._is_over = not part.startswith(_GZIP_FIRST_BYTE)
                self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
            else:
                decoded += self._stream.decompress(part, room + 1)
                part = self._stream.unused_data
        return decoded

    def _choose_form(self, part: bytes) -> bytes:
        """Wait for the two bytes of a zlib header. Old servers send deflate data without it."""
        part = self._beginning + part
        if len(part) < 2:  # noqa: PLR2004 - see above
            self._beginning = part
            return b""
        self._may_be_raw = False
        has_header = part[0] & 0x0F == zlib.DEFLATED and int.from_bytes(part[:2], "big") % 31 == 0
        if not has_header:
            self._stream = zlib.decompressobj(_RAW_DEFLATE)
        return part


def open_decoder(headers: Iterable[tuple[bytes, bytes]], limit: int) -> BodyDecoder | None:
    """Return the decoder of a reply's body; `None` if it has no encoding.

    Args:
        headers: The reply's headers, with names in lower case.
        limit: Largest number of decoded bytes.
    """
    encodings = []
    for name, value in headers:
        if name == b"content-encoding":
            for encoding in value.decode("latin-1").lower().split(","):
                if encoding.strip() not in _PLAIN:
                    encodings.append(encoding.strip())
    return BodyDecoder(encodings, limit) if encodings else None


def check_transfer_encoding(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Check that a reply has no transfer encoding except `chunked`.

    Args:
        headers: The reply's headers, with names in lower case.

    Raises:
        WireError: BAD_STREAM.
    """
    for name, value in headers:
        encoding = value.strip().lower()
        if name == b"transfer-encoding" and encoding != b"chunked":
            shown = encoding[:_SHOWN_CHARACTERS].decode("latin-1")
            message = f"the response has the transfer encoding {shown}, which was not requested"
            raise WireError(WireFault.BAD_STREAM, message)
