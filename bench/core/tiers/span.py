"""A span of OpenTelemetry, reduced to the facts that tier times need.

Names of attributes: https://opentelemetry.io/docs/specs/semconv/
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

DATABASE_CALLS = "database_calls"
"""Name of the counter of calls of databases."""
MODEL_CALLS = "model_calls"
"""Name of the counter of calls of models."""
UNKNOWN_SERVICE = "unknown_service"

Attributes = Mapping[str, Any]
Peers = Mapping[str, str]
"""Services of the stack by `host:port`."""

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 40
_LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - names that a client may write
# Calls of a port of this machine that belongs to no service of the stack.
_LOCAL_CALLS = "local-calls"
_LOCAL_MODEL = "model"
_MODEL_OPERATIONS = frozenset({"chat", "text_completion", "generate_content", "embeddings", "completion"})
_MODEL_PATH = re.compile(
    r"/(chat/completions|v1/completions|v1/responses|v1/messages|v1/embeddings|api/generate|api/chat|api/embed"
    r"|api/embeddings|[^/]+:(stream)?generateContent)$",
    re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class TraceSpan(NamedTuple):
    """A span: one piece of work of one service."""

    id: bytes
    """Id of the span, unique in its trace."""
    parent: bytes
    """Id of the span that caused it; empty for none."""
    service: str
    """Name of the tier that did the work: the service."""
    is_client: bool
    """Whether the span is a call that waits for another service."""
    start_ns: int
    """Start on the clock of the service's machine."""
    end_ns: int
    """End on the same clock."""
    peer: str | None = None
    """Name of the tier that was called, as the caller knows it; `None` if it does not."""
    call: str | None = None
    """Counter that the call belongs to; `None` for other calls."""


def tier_of(name: str) -> str:
    """Return the name of a tier for a name of a service, a database or a host: `my.app` → `my-app`."""
    return _NO_NAME.sub("-", name).strip("-")[:_LONGEST_NAME] or UNKNOWN_SERVICE


def peer_of(attributes: Attributes, peers: Peers) -> str | None:
    """Return the tier that a call goes to: a database, a service of the stack, a named peer, or a host.

    It is `None` for a span without an address, such as the search for one.
    """
    database = _database(attributes)
    if database:
        return tier_of(database)
    host, port, _ = _address(attributes)
    service = peers.get(f"{host}:{port}")
    if service is not None:
        return tier_of(service)
    name = _first_text(attributes, "peer.service", "gen_ai.provider.name", "gen_ai.system")
    if not name and host in _LOOPBACK:
        name = _LOCAL_MODEL if call_of(attributes) == MODEL_CALLS else _LOCAL_CALLS
    name = name or host
    return tier_of(name) if name else None


def call_of(attributes: Attributes) -> str | None:
    """Return the counter that a call belongs to: of databases, of models, or none."""
    if _database(attributes):
        return DATABASE_CALLS
    operation = _first_text(attributes, "gen_ai.operation.name", "llm.request.type")
    if operation.lower() in _MODEL_OPERATIONS:
        return MODEL_CALLS
    path = _address(attributes)[2]
    return MODEL_CALLS if _MODEL_PATH.search(path) else None


def peers_of(urls: Mapping[str, str]) -> dict[str, str]:
    """Return the services by `host:port`, under each name of the loopback."""
    peers = {}
    for service, url in urls.items():
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        for name in _LOOPBACK if host in _LOOPBACK else (host,):
            peers[f"{name}:{port}"] = service
    return peers


def _database(attributes: Attributes) -> str:
    return _first_text(attributes, "db.system.name", "db.system")


def _address(attributes: Attributes) -> tuple[str, int | None, str]:
    """Return host, port and path of an HTTP call, by the present names of attributes or the former ones."""
    url = _first_text(attributes, "url.full", "http.url")
    path = _first_text(attributes, "url.path", "http.target")
    host = _first_text(attributes, "server.address", "net.peer.name", "http.host")
    port = _port(attributes.get("server.port", attributes.get("net.peer.port")))
    if url:
        try:
            parts = urlsplit(url)
            host = parts.hostname or host
            port = parts.port or _DEFAULT_PORTS.get(parts.scheme) or port
        except ValueError:
            return host, port, path
        path = parts.path
    return host, port, path.partition("?")[0]


def _port(value: Any) -> int | None:
    return int(value) if str(value).isdecimal() else None


def _first_text(attributes: Attributes, *names: str) -> str:
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return value
    return ""
