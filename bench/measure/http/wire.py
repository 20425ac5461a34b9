"""What goes over one HTTP/1.1 connection, as values: address, request, reply and error."""

import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VISIBLE = re.compile(r"[!-~]+")
_LINE = re.compile(r"[^\x00\r\n]*")
_COUNTED_HERE = frozenset({"content-length", "transfer-encoding"})
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class WireFault(StrEnum):
    """Why there is no answer.

    Attributes:
        CONNECT_FAILED: Nobody listens there, or the way there is shut.
        TLS_FAILED: The TLS handshake failed, or TLS broke later.
        NAME_FAILED: The host's name has no address.
        RESET: The connection was lost before the first byte of the answer, or broke at any time.
        BAD_STREAM: What came is not one whole HTTP/1.1 answer, or is one we do not read.
        TOO_LARGE: The answer is longer than allowed.
    """

    CONNECT_FAILED = "connect_failed"
    TLS_FAILED = "tls_failed"
    NAME_FAILED = "name_failed"
    RESET = "reset"
    BAD_STREAM = "bad_stream"
    TOO_LARGE = "too_large"


class WireError(Exception):
    """An exchange that came to no answer.

    Attributes:
        kind: Why.
        message: One short sentence for people.
    """

    def __init__(self, kind: WireFault, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is.

    Attributes:
        host: A name or an IP address, without brackets.
        port: TCP.
        tls: Verifies the server as this context says; None for plain TCP.
        server_hostname: The name that the certificate must carry; None for plain TCP.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_hostname: str | None = None

    @classmethod
    def of(cls, url: str, tls: ssl.SSLContext | None = None) -> "Address":
        """The server of a URL.

        Args:
            url: Only its scheme, host and port matter.
            tls: For https. Making one costs milliseconds, so share it; None makes one that verifies.

        Raises:
            ValueError: The scheme is not http or https, or host or port are missing or impossible.
        """
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError(f"{url!r} is neither an http nor an https address")
        if not parts.hostname or parts.port == 0:
            raise ValueError(f"{url!r} has no host, or a port that cannot be")
        host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode("ascii")
        if not _VISIBLE.fullmatch(host):
            raise ValueError(f"{url!r} has a host that cannot be")
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        if parts.scheme == "http":
            return cls(host, port)
        return cls(host, port, tls or ssl.create_default_context(), host)

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS["https" if self.tls else "http"] else f"{host}:{self.port}"


@dataclass(slots=True)
class Reply:
    """An answer, and when its parts came. Times are seconds of the connection's clock, durations seconds.

    While the exchange is under way, and after it failed, it holds what is known so far.

    Attributes:
        connect_s: Duration of opening the connection with TLS; None when there was one.
        sent_s: When the request's last byte was handed to the kernel; None when that never happened.
        first_byte_s: When the body's first byte was read; None when the body is empty.
        finished_s: When the answer's last byte was read; 0 until then.
        status: The HTTP status; 0 until the headers are complete.
        headers: In order, their names in lower case; trailers are not among them.
        body: Empty when `on_body` was given it.
        retried: The server had closed the idle connection, so the request was sent again on a new one.
    """

    connect_s: float | None = None
    sent_s: float | None = None
    first_byte_s: float | None = None
    finished_s: float = 0.0
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    retried: bool = False

    def header(self, name: str) -> str | None:
        """The first header of this lower-case name."""
        wanted = name.encode("latin-1")
        return next((value.decode("latin-1").strip() for key, value in self.headers if key == wanted), None)


def request_bytes(
    method: str,
    path: str,
    host: str,
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    body: bytes = b"",
) -> bytes:
    """A whole request, to be made once and sent often.

    Args:
        method: In capitals.
        path: With its query, percent-encoded.
        host: Of the Host header (`Address.authority`); a Host among the headers takes its place.
        headers: Content-Length is added.
        body: As it goes over the wire.

    Raises:
        ValueError: A part would break out of its place (CR, LF, NUL, spaces), is not Latin-1, or states the
            length, which is counted here.
    """
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    names = {name.lower() for name, _ in pairs}
    if "host" not in names:
        pairs.insert(0, ("host", host))
    if names & _COUNTED_HERE:
        raise ValueError("the length of the body is counted, not given by a header")
    if not _TOKEN.fullmatch(method):
        raise ValueError(f"{method!r} is no method")
    if not _VISIBLE.fullmatch(path):
        raise ValueError(f"{path!r} is no path: percent-encode what is not visible ASCII")
    for name, value in pairs:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is no header's name")
        if not _LINE.fullmatch(value):
            raise ValueError(f"the value of {name} has a line break or a NUL in it")
    if body or method in _METHODS_WITH_BODY:
        pairs.append(("content-length", str(len(body))))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in pairs)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def check_encoding(headers: Iterable[tuple[bytes, bytes]], *, any_encoding: bool) -> None:
    """Refuse a coding that nobody asked for.

    Args:
        headers: Of the answer, their names in lower case.
        any_encoding: Whether the body may be compressed.

    Raises:
        WireError: BAD_STREAM.
    """
    readable = {b"transfer-encoding": {b"chunked"}}
    if not any_encoding:
        readable[b"content-encoding"] = {b"", b"identity"}
    for name, value in headers:
        coding = value.strip().lower()
        if name in readable and coding not in readable[name]:
            message = f"the answer is encoded as {coding[:40].decode('latin-1')}, which nobody asked for"
            raise WireError(WireFault.BAD_STREAM, message)
