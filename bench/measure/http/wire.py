"""The values of one HTTP/1.1 connection: address, request, reply and error."""

import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from bench.core.samples.sample import Culprit, GeneratorFault, Outcome
from bench.measure.http.trust import make_context

_DEFAULT_PORTS = {"http": 80, "https": 443}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VISIBLE = re.compile(r"[!-~]+")
_LINE = re.compile(r"[^\x00\r\n]*")
_LENGTH_HEADERS = frozenset({"content-length", "transfer-encoding"})
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class WireFault(StrEnum):
    """Why there is no reply."""

    CONNECT_FAILED = "connect_failed"
    """No server listens at the address, or the network does not reach it."""
    TLS_FAILED = "tls_failed"
    """The TLS handshake failed, or TLS failed later."""
    NAME_FAILED = "name_failed"
    """The name of the host has no address."""
    RESET = "reset"
    """The connection was lost before the first byte of the reply, or broke at any time."""
    BAD_STREAM = "bad_stream"
    """The bytes are not one complete HTTP/1.1 reply, or use a feature that is not supported."""
    TOO_LARGE = "too_large"
    """The reply is larger than the limit."""
    CLOSED = "closed"
    """The server closed the WebSocket with a code that reports a failure."""


class WireError(Exception):
    """An exchange that has no reply.

    Attributes:
        kind: The reason.
        message: One short sentence for people.
        culprit: The part that caused it.
        generator_fault: The resource that the load generator lacked; `None` for another culprit.
        outcome: The outcome that the server's own code stands for; `None` if the reason decides it.
    """

    outcome: Outcome | None = None

    def __init__(
        self, kind: WireFault, message: str, cause: Culprit | GeneratorFault = Culprit.TARGET
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.generator_fault = cause if isinstance(cause, GeneratorFault) else None
        self.culprit = Culprit.GENERATOR if isinstance(cause, GeneratorFault) else cause


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server."""

    host: str
    """Name or IP address, without brackets."""
    port: int
    """TCP port."""
    tls: ssl.SSLContext | None = None
    """Verifies the server; `None` for plain TCP."""
    server_hostname: str | None = None
    """Name that the server's certificate must contain; `None` for plain TCP."""

    @classmethod
    def of(cls, url: str, tls: ssl.SSLContext | None = None) -> "Address":
        """Return the address of a URL.

        Args:
            url: Its scheme, host and port are used.
            tls: TLS context for https. Creating one takes milliseconds, so share it; `None` creates one that
                verifies the server.

        Raises:
            ValueError: The scheme is not http or https, or the host or port is missing or invalid.
        """
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError(f"{url!r} is not an http or https URL")
        if parts.netloc.endswith(":"):  # urlsplit would take the default port
            raise ValueError(f"{url!r} has no port after the colon")
        if not parts.hostname or parts.port == 0:
            raise ValueError(f"{url!r} has no host, or an invalid port")
        host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode("ascii")
        if not _VISIBLE.fullmatch(host):
            raise ValueError(f"{url!r} has an invalid host")
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        if parts.scheme == "http":
            return cls(host, port)
        return cls(host, port, tls or make_context(), host)

    @property
    def authority(self) -> str:
        """Value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default_port = _DEFAULT_PORTS["https" if self.tls else "http"]
        return host if self.port == default_port else f"{host}:{self.port}"


@dataclass(slots=True)
class Reply:
    """A reply and its times. Times are seconds of the connection's clock.

    While the exchange is in progress, and after it failed, it holds the values of the part that arrived.
    """

    connect_s: float | None = None
    """Duration of opening the connection, TLS included; `None` if an open connection was used."""
    handshake_s: float | None = None
    """Duration of the handshake of a WebSocket, as a part of `connect_s`; `None` without one."""
    sent_s: float | None = None
    """When the kernel had the last byte of the request; `None` before that."""
    first_byte_s: float | None = None
    """When the first byte of the body was read; `None` if the body is empty."""
    finished_s: float = 0.0
    """When the last byte of the reply was read; 0 before that."""
    status: int = 0
    """HTTP status; 0 until the headers are complete."""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Headers in their order, with names in lower case and without trailers."""
    body: bytes = b""
    """The body, decoded; empty if it was passed to `on_body`."""
    version: str = ""
    """HTTP version, such as `1.1` or `2`; empty until the headers are complete."""
    decoded: str | None = None
    """Encoding that the server used although it was not requested, such as `gzip`; `None` without one."""
    has_timing: bool = False
    """True if a header `Server-Timing` came."""
    retried: bool = False
    """True if the server had closed the idle connection and the request was sent again on a new one."""

    def header(self, name: str) -> str | None:
        """Return the first header of this lower-case name, or `None`."""
        key = name.encode("latin-1")
        for header, value in self.headers:
            if header == key:
                return value.decode("latin-1").strip()
        return None


def request_bytes(
    method: str,
    path: str,
    host: str,
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    body: bytes = b"",
) -> bytes:
    """Return a complete request. Make it once and send it often.

    Args:
        method: In capitals.
        path: With its query, percent-encoded.
        host: Value of the Host header (`Address.authority`); a Host in `headers` replaces it.
        headers: Without Content-Length, which is added.
        body: The bytes of the body.

    Raises:
        ValueError: A part contains CR, LF, NUL or a space that would end it, is not Latin-1, or is a header
            with the length of the body.
    """
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    names = {name.lower() for name, _ in pairs}
    if "host" not in names:
        pairs.insert(0, ("host", host))
    if names & _LENGTH_HEADERS:
        raise ValueError("the length of the body is added; remove its header")
    if not _TOKEN.fullmatch(method):
        raise ValueError(f"{method!r} is not an HTTP method")
    if not _VISIBLE.fullmatch(path):
        raise ValueError(f"{path!r} is not a path: percent-encode all characters except visible ASCII")
    _check_headers(pairs)
    if body or method in _METHODS_WITH_BODY:
        pairs.append(("content-length", str(len(body))))
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in pairs]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def _check_headers(pairs: Sequence[tuple[str, str]]) -> None:
    for name, value in pairs:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is not a header name")
        if not _LINE.fullmatch(value):
            raise ValueError(f"the value of header {name} contains a line break or NUL")
