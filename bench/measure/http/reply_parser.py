"""Parses one HTTP/1.1 reply after the other, within limits. Without I/O."""

import httptools

from bench.measure.http.decoding import BodyDecoder, check_transfer_encoding, open_decoder
from bench.measure.http.head_repair import repair_head
from bench.measure.http.reading import MAX_HEAD_BYTES, NO_READING, OnBody, OnHead
from bench.measure.http.wire import Reply, WireError, WireFault

NO_PARSER = httptools.HttpResponseParser(object())
"""Stands for a parser that must be made for the next reply."""
_MAX_FRAMING_BYTES = 2 * MAX_HEAD_BYTES  # largest size of chunk framing without any body byte
_LONG_TRAILERS = f"the trailers exceed {MAX_HEAD_BYTES} bytes"
_FIRST_STATUS = 100
_SWITCHING_PROTOCOLS = 101
_FIRST_FINAL_STATUS = 200
_TIMING = b"server-timing"
_NOTED = (b"-encoding", _TIMING)


class _UnexpectedBytes(Exception):  # noqa: N818 - it only stops the parser
    """Bytes after the end of the reply."""


class ReplyParser:
    """Keeps the state of the reply in progress. httptools calls its methods `on_…`.

    Args:
        any_encoding: Whether a body may be compressed.
    """

    __slots__ = (  # a fifth faster: there are too many attributes for a shared dict
        "_any_encoding", "_body_room", "_complete", "_decoder", "_framing_room", "_has_bytes",
        "_has_encoding", "_has_usual_start", "_head", "_head_room", "_headers", "_in_head",
        "_is_head_request", "_keep_alive", "_max_body", "_now_s", "_on_body", "_on_head", "_parser",
        "_parts", "_reading", "_reply", "_trailer_room",
    )  # fmt: skip

    _reply: Reply
    _now_s: float

    def __init__(self, *, any_encoding: bool) -> None:
        self._any_encoding = any_encoding
        self._parser = NO_PARSER
        self._reading = NO_READING
        self._on_body: OnBody | None = None
        self._on_head: OnHead | None = None
        self._has_bytes = False
        self._has_usual_start = False
        self._is_head_request = False

    def _make_parser(self) -> httptools.HttpResponseParser:
        """Return a parser that accepts the harmless faults that curl and httpx accept."""
        parser = httptools.HttpResponseParser(self)
        parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
            lenient_chunked_length=True,  # the chunks count, and not the length
        )
        return parser

    def _prepare(self) -> None:
        """Reset the state for the reply that begins."""
        reading = self._reading
        self._headers = self._reply.headers
        self._on_body = reading.on_body
        self._on_head = reading.on_head
        self._parts: list[bytes] = []
        self._max_body = max_body = reading.max_body
        # Bytes that may still come, for the body, the headers, the trailers and the framing of chunks.
        self._body_room = max_body
        self._head_room = MAX_HEAD_BYTES
        self._trailer_room = MAX_HEAD_BYTES
        self._framing_room = _MAX_FRAMING_BYTES
        self._in_head = True
        self._has_bytes = True
        self._complete = False
        self._keep_alive = False
        self._has_encoding = False
        self._decoder: BodyDecoder | None = None
        self._head: list[bytes] = []
        if self._parser is NO_PARSER:
            self._parser = self._make_parser()

    def _parse(self, data: bytes) -> BaseException | None:
        """Parse bytes and return the problem that they have, if any."""
        try:
            if self._in_head:
                self._feed_head(data)
            else:
                self._feed_body(data)
        except WireError as error:
            return error
        except httptools.HttpParserCallbackError as error:
            return error.__context__ or error
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            return WireError(WireFault.BAD_STREAM, f"the response is not HTTP/1.1: {error}")
        return None

    def _feed_body(self, data: bytes) -> None:
        body_room = self._body_room
        self._parser.feed_data(data)
        if self._body_room != body_room:
            self._framing_room = _MAX_FRAMING_BYTES
            return
        self._framing_room -= len(data)
        if self._framing_room < 0 and not self._complete:  # an endless size line or trailer
            raise WireError(WireFault.TOO_LARGE, _LONG_TRAILERS)

    def _feed_head(self, data: bytes) -> None:
        """Parse bytes that begin in the head. A head that the parser refuses may be repaired."""
        room = self._head_room
        if len(data) > room:
            self._feed_long_head(data[:room], data[room:])
            return
        self._head_room = room - len(data)
        if self._parser is not NO_PARSER:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserCallbackError:
                raise
            except httptools.HttpParserError:
                if not self._in_head:
                    raise
                self._parser = NO_PARSER
        if self._in_head:
            self._head.append(data)
            if self._parser is NO_PARSER:
                self._parse_repaired()

    def _feed_long_head(self, data: bytes, rest: bytes) -> None:
        """Parse bytes up to the limit of a head, and the rest, which can only be of the body."""
        self._feed_head(data)
        if self._in_head:
            raise WireError(WireFault.TOO_LARGE, f"the headers exceed {MAX_HEAD_BYTES} bytes")
        self._feed_body(rest)

    def _parse_repaired(self) -> None:
        """Parse a refused head again when it is complete, with its faults repaired."""
        repaired = repair_head(b"".join(self._head))
        if repaired is not None:
            self._headers.clear()
            self._parser = self._make_parser()
            self._parser.feed_data(repaired)

    def on_message_begin(self) -> None:
        """Stop at a second reply, since only one request was sent."""
        if self._complete:
            raise _UnexpectedBytes

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are counted and dropped."""
        if not self._in_head:
            self._trailer_room -= len(name) + len(value)
            if self._trailer_room < 0:
                raise WireError(WireFault.TOO_LARGE, _LONG_TRAILERS)
            return
        name = name.lower()
        if name.endswith(_NOTED):
            if name == _TIMING:
                self._reply.has_timing = True
            else:  # checked when all headers are complete
                self._has_encoding = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Keep the status, unless it is informational and another one follows."""
        parser, reply = self._parser, self._reply
        status = parser.get_status_code()
        if status < _FIRST_FINAL_STATUS:
            if status == _SWITCHING_PROTOCOLS or status < _FIRST_STATUS:
                reply.status = status
                raise WireError(WireFault.BAD_STREAM, f"the response has the unexpected status {status}")
            return
        self._in_head = False
        reply.status = status
        reply.version = "1.1" if self._has_usual_start else parser.get_http_version()
        if self._has_encoding:
            self._read_encodings(reply)
        if self._is_head_request:
            # Without a length, the parser expects a body that ends with the connection.
            closes = "close" in (reply.header("connection") or "").lower()
            self._keep_alive = reply.version == "1.1" and not closes
        else:
            self._keep_alive = parser.should_keep_alive()
        if self._on_head is not None:
            self._on_head(reply)
        self._complete = self._is_head_request

    def _read_encodings(self, reply: Reply) -> None:
        """Check the transfer encoding, and prepare the decoding of a body that is encoded all the same."""
        check_transfer_encoding(self._headers)
        if not self._any_encoding:
            self._decoder = open_decoder(self._headers, self._max_body)
        if self._decoder is not None:
            reply.decoded = self._decoder.names

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body until all bytes that came with it are parsed."""
        if self._complete:
            raise _UnexpectedBytes
        if self._reply.first_byte_s is None:
            self._reply.first_byte_s = self._now_s
        if self._decoder is not None:
            part = self._decoder.decode(part)
        self._body_room -= len(part)
        if self._body_room < 0:
            raise WireError(WireFault.TOO_LARGE, f"the response is longer than {self._max_body} bytes")
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """End the reply, unless it is informational and another one follows."""
        if self._in_head:
            self._headers.clear()
        else:
            self._complete = True
