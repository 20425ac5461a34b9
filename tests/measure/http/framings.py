"""Answers of real and odd servers, byte by byte, and what both transports make of them."""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from bench.measure.http.reading import MAX_HEAD_BYTES

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
SIZED = OK + b"content-length: 2\r\n\r\nhi"
ZIPPED = gzip.compress(b"hi", mtime=0)
RAW_DEFLATE = zlib.compress(b"hi")[2:-4]


def fields(lines: bytes, body: bytes = b"hi") -> bytes:
    """Return an answer with these header lines and a length."""
    return OK + lines + b"\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def length(value: bytes) -> bytes:
    """Return an answer whose length has this text."""
    return OK + b"content-length:" + value + b"\r\n\r\nhi"


def chunked_as(value: bytes) -> bytes:
    """Return a chunked answer whose transfer encoding has this text."""
    return OK + b"transfer-encoding:" + value + b"\r\n\r\n2\r\nhi\r\n0\r\n\r\n"


def encoded(name: bytes, body: bytes, status: bytes = b"200 OK") -> bytes:
    """Return an answer with a content encoding."""
    head = b"HTTP/1.1 %s\r\ncontent-encoding: %s\r\ncontent-length: %d\r\n\r\n"
    return head % (status, name, len(body)) + body


READ_AS_HI: Mapping[str, bytes] = {
    "a length": SIZED,
    "a length between blanks": length(b" \t 2 \t"),
    "a length with zeros": length(b"002"),
    "the same length twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
    "the same length in a list": length(b"2, 2"),
    "chunks": CHUNKED + b"2\r\nhi\r\n0\r\n\r\n",
    "chunks and a length": OK
    + b"content-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "a length and chunks": OK
    + b"transfer-encoding: chunked\r\ncontent-length: 9\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "blanks after the size of a chunk": CHUNKED + b"2  \r\nhi\r\n0 \r\n\r\n",
    "a tab after the size of a chunk": CHUNKED + b"2\t\r\nhi\r\n0\r\n\r\n",
    "zeros before the size of a chunk": CHUNKED + b"0002\r\nhi\r\n000\r\n\r\n",
    "a chunk extension": CHUNKED + b'2;a=b;c="d e"\r\nhi\r\n0;f\r\n\r\n',
    "trailers": CHUNKED + b"2\r\nhi\r\n0\r\nServer-Timing: a\r\n\r\n",
    "Chunked in capitals": chunked_as(b" Chunked"),
    "chunked between blanks": chunked_as(b"  chunked  "),
    "header names in odd case": OK + b"cOnTeNt-LeNgTh: 2\r\nX-a: b\r\n\r\nhi",
    "no blank after the colon": length(b"2"),
    "a folded header": fields(b"x: a\r\n b"),
    "a header that is folded by a tab": fields(b"x: a\r\n\tb\r\n  c"),
    "a folded length": length(b"\r\n 2"),
    "a folded header after hints": b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" + fields(b"x: a\r\n b"),
    "a header without a value": fields(b"x:"),
    "a header in UTF-8": fields("x: é☺".encode()),
    "a header in Latin-1": fields(b"x: \xe9"),
    "control characters in a header": fields(b"x: a\x01\x1b[31m\x7fb"),
    "a tab in a header": fields(b"x: a\tb"),
    "300 headers": fields(b"\r\n".join(b"x%d: y" % number for number in range(300))),
    "lines that end with LF": b"HTTP/1.1 200 OK\ncontent-length: 2\n\nhi",
    "chunks after lines that end with LF": CHUNKED.replace(b"\r\n", b"\n") + b"2\r\nhi\r\n0\r\n\r\n",
    "the connection's end after lines that end with LF": b"HTTP/1.1 200 OK\nconnection: close\n\nhi",
    "both kinds of line ends": OK + b"x: a\ncontent-length: 2\r\n\nhi",
    "a fold after LF": b"HTTP/1.1 200 OK\nx: a\n b\ncontent-length: 2\n\nhi",
    "no reason": b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nhi",
    "a reason in UTF-8": "HTTP/1.1 200 Très bien\r\ncontent-length: 2\r\n\r\nhi".encode(),
    "HTTP/1.0 without a length": b"HTTP/1.0 200 OK\r\n\r\nhi",
    "HTTP/1.0 with chunks": CHUNKED.replace(b"1.1", b"1.0") + b"2\r\nhi\r\n0\r\n\r\n",
    "no length": OK + b"\r\nhi",
    "no length and keep-alive": OK + b"connection: keep-alive\r\n\r\nhi",
    "continue before the answer": b"HTTP/1.1 100 Continue\r\n\r\n" + SIZED,
    "two informational answers": b"HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 103 Hints\r\nlink: a\r\n\r\n" + SIZED,
    "an offer to upgrade": fields(b"upgrade: h2c\r\nconnection: Upgrade, Keep-Alive"),
    "identity": encoded(b"identity", b"hi"),
    "no encoding": encoded(b"", b"hi"),
    "the encoding none": encoded(b"none", b"hi"),
    "gzip": encoded(b"gzip", ZIPPED),
    "gzip in capitals": encoded(b"GZip", ZIPPED),
    "x-gzip": encoded(b"x-gzip", ZIPPED),
    "gzip in small chunks": OK
    + b"content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"".join(b"1\r\n%c\r\n" % byte for byte in ZIPPED)
    + b"0\r\n\r\n",
    "gzip in two members": encoded(b"gzip", gzip.compress(b"h") + gzip.compress(b"i")),
    "gzip without its checksum": encoded(b"gzip", ZIPPED[:-6]),
    "bytes after gzip": encoded(b"gzip", ZIPPED + b"junk"),
    "deflate": encoded(b"deflate", zlib.compress(b"hi")),
    "deflate without its header": encoded(b"deflate", RAW_DEFLATE),
    "gzip twice": encoded(b"gzip, gzip", gzip.compress(ZIPPED)),
    "deflate within gzip": encoded(b"deflate, gzip", gzip.compress(zlib.compress(b"hi"))),
    "identity and gzip": encoded(b"identity, gzip", ZIPPED),
    "bytes after the end": SIZED + b"junk",
    "another answer after the end": SIZED + OK + b"content-length: 4\r\n\r\nevil",
    "bytes after the announced close": fields(b"connection: close") + b"junk",
    "an empty line after the end": SIZED + b"\r\n",
}
"""Answers that curl reads, and with status 200 and the body `hi`."""


@dataclass(frozen=True)
class Refused:
    """An answer that is no answer."""

    answer: bytes
    fault: str
    """The fault, which both transports report."""
    status: int = 0
    """The status that survives."""


WITHOUT_BODY: Mapping[str, tuple[bytes, int]] = {
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\n", 204),
    "204 with chunks": (CHUNKED.replace(b"200 OK", b"204 No") + b"0\r\n\r\n", 204),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 304),
    "an empty gzip": (encoded(b"gzip", b""), 200),
    "an empty body with an unknown encoding": (encoded(b"br", b""), 200),
    "a redirection": (b"HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", 302),
}
"""Answers that have a status and no body."""

REFUSED: Mapping[str, Refused] = {
    "no byte": Refused(b"", "reset"),
    "another protocol": Refused(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "bad_stream"),
    "a version in small letters": Refused(SIZED.replace(b"HTTP", b"http"), "bad_stream"),
    "an unknown version": Refused(SIZED.replace(b"HTTP/1.1", b"HTTP/1.2"), "bad_stream"),
    "an empty line before the answer": Refused(b"\r\n" + SIZED, "bad_stream"),
    "a status of two digits": Refused(SIZED.replace(b"200", b"20"), "bad_stream"),
    "a switch of the protocol": Refused(
        b"HTTP/1.1 101 Switching\r\nupgrade: a\r\nconnection: upgrade\r\n\r\n", "bad_stream"
    ),
    "a header without a colon": Refused(fields(b"junk"), "bad_stream"),
    "a header without a name": Refused(fields(b": junk"), "bad_stream"),
    "a blank before the colon": Refused(OK + b"content-length : 2\r\n\r\nhi", "bad_stream"),
    "a fold before the first header": Refused(fields(b" x: a"), "bad_stream"),
    "NUL in a header": Refused(fields(b"x: a\0b"), "bad_stream"),
    "a bare CR in a header": Refused(fields(b"x: a\rb"), "bad_stream"),
    "a second CR at the end of a line": Refused(fields(b"x: a\r"), "bad_stream"),
    "two lengths": Refused(OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nhi", "bad_stream"),
    "two lengths in a list": Refused(length(b"2, 3"), "bad_stream"),
    "a length with a sign": Refused(length(b"+2"), "bad_stream"),
    "a negative length": Refused(length(b"-1"), "bad_stream"),
    "a length with a letter": Refused(length(b"2x"), "bad_stream"),
    "a length without digits": Refused(length(b""), "bad_stream"),
    "a length with too many digits": Refused(length(b"9" * 23), "bad_stream"),
    "more bytes announced than sent": Refused(length(b"3"), "bad_stream", 200),
    "no last chunk": Refused(CHUNKED + b"2\r\nhi\r\n", "bad_stream", 200),
    "no line after the last chunk": Refused(CHUNKED + b"2\r\nhi\r\n0\r\n", "bad_stream", 200),
    "no line end after a chunk": Refused(CHUNKED + b"2\r\nhi0\r\n\r\n", "bad_stream", 200),
    "a chunk without a size": Refused(CHUNKED + b"\r\nhi\r\n0\r\n\r\n", "bad_stream", 200),
    "a chunk of a negative size": Refused(CHUNKED + b"-2\r\nhi\r\n0\r\n\r\n", "bad_stream", 200),
    "a size that begins with 0x": Refused(CHUNKED + b"0x2\r\nhi\r\n0\r\n\r\n", "bad_stream", 200),
    "a blank before the size of a chunk": Refused(CHUNKED + b" 2\r\nhi\r\n0\r\n\r\n", "bad_stream", 200),
    "a chunk of an enormous size": Refused(CHUNKED + b"f" * 17 + b"\r\nhi", "bad_stream", 200),
    "the transfer encoding gzip": Refused(chunked_as(b"gzip, chunked"), "bad_stream"),
    "the transfer encoding identity": Refused(chunked_as(b"identity"), "bad_stream"),
    "chunked within chunked": Refused(chunked_as(b"chunked, chunked"), "bad_stream"),
    "br": Refused(encoded(b"br", b"\x0b\x00\x80hi\x03"), "bad_stream", 200),
    "zstd": Refused(encoded(b"zstd", b"\x28\xb5\x2f\xfdhi"), "bad_stream", 200),
    "an error in br": Refused(encoded(b"br", b"\x0b\x00\x80hi\x03", b"500 Oops"), "bad_stream", 500),
    "gzip within br": Refused(encoded(b"gzip, br", ZIPPED), "bad_stream", 200),
    "plain text with the encoding gzip": Refused(encoded(b"gzip", b"hi"), "bad_stream", 200),
    "a wrong checksum": Refused(encoded(b"gzip", ZIPPED[:-8] + b"\0" * 8), "bad_stream", 200),
    "too long headers": Refused(fields(b"x: " + b"y" * 2 * MAX_HEAD_BYTES), "too_large"),
}
"""Answers that both transports refuse. The status of an answer that has none, or no certain one, is 0."""

DIFFERENT: Mapping[str, tuple[bytes, str, str]] = {
    "LF after the bytes of a chunk": (CHUNKED + b"2\r\nhi\n0\r\n\r\n", "ok", "bad_stream"),
    "the header chunked twice": (
        OK + b"transfer-encoding: chunked\r\n" * 2 + b"\r\n2\r\nhi\r\n0\r\n\r\n",
        "ok",
        "bad_stream",
    ),
    "a folded trailer": (CHUNKED + b"2\r\nhi\r\n0\r\nx: y\r\n z\r\n\r\n", "bad_stream", "ok"),
    "an end within the headers": (OK, "bad_stream", "reset"),
}
"""Answers that the transports read differently, with what the own one and httpx make of them.

docs/reference/transports.md gives the reasons.
"""
