"""Find what an answer must not show: stack traces, internal addresses, paths of files, and secrets."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from bench.core.probe.exchange import Exchange, TokenKind
from bench.core.probe.probe_result import Judgement, ProbeStatus
from bench.core.values import wording
from bench.core.values.escape import hide_texts

_TRACES = re.compile(
    r"Traceback \(most recent call last\)"
    r'|File "[^"\n]+", line \d+'  # Python
    r"|^\s*at [\w$.<>\[\] ]+ ?\([^()\n]*:\d+(:\d+)?\)"  # JavaScript, Java
    r"|^\s*at [\w.`]+\([^()\n]*\) in .+:line \d+"  # .NET
    r"|\bgoroutine \d+ \[\w+\]:"
    r"|\bthread '[^']*' panicked at "
    r"|\bPHP (Fatal|Parse) error: "
    r"|\.rb:\d+:in [`']",
    re.MULTILINE,
)
_ADDRESS = re.compile(r"(?<![\w.])\d{1,3}(\.\d{1,3}){3}(?![\w.])(:\d+)?|\blocalhost:\d+")
_INTERNAL_NAME = re.compile(r"\bhttps?://[\w-]+(\.(internal|local|svc|lan)[\w.]*)?(:\d+)?(?=[/\"'\s,)]|$)")
_PATH = re.compile(
    r"(?<![\w./:-])/(home|root|usr|var|opt|srv|etc|tmp|app|proc|Users|workspace)/[\w.@-]+(/[\w.@-]+)*"
    r"|\b[A-Za-z]:\\\\?[\w.-]+\\"
    r"|\b(node_modules|site-packages|dist-packages)/[\w.@-]+"
)
_SHORTEST_SECRET = 8  # a shorter text may be a part of any other


@dataclass(frozen=True, slots=True)
class LeakContext:
    """What is secret or internal about the probed service."""

    secrets: Collection[str] = field(default=(), repr=False)
    """Keys of tokens. The tokens themselves are those of the requests."""
    own: str = ""
    """Host and port that the requests are sent to, which an answer may show."""
    internal: Collection[str] = ()
    """Hosts and ports of the services behind it."""


def judge_leaks(exchanges: Sequence[Exchange], context: LeakContext) -> dict[str, tuple[Judgement, str]]:
    """Return the judgement of each rule about leaks, and the request whose answer decided."""
    kinds = {
        "leak-stack-trace": ("no stack trace", _find_trace),
        "leak-address": ("no internal address", _find_address),
        "leak-path": ("no path of a file", _find_path),
        "leak-secret": ("no token and no key", _find_secret),
    }
    judgements: dict[str, tuple[Judgement, str]] = {}
    for rule, (expected, find) in kinds.items():
        actual = f"none in {wording.counted(len(exchanges), 'answer')}"
        judgements[rule] = (Judgement(ProbeStatus.PASSED, expected, actual), "all requests of the probes")
        for exchange in exchanges:
            leak = find(exchange, context)
            if leak is not None:
                shown = _show(leak, exchange, context)
                judgement = Judgement(ProbeStatus.FINDING, expected, f"{exchange.answer.status}: {shown}")
                judgements[rule] = (judgement, exchange.request.describe())
                break
    return judgements


def _find_trace(exchange: Exchange, context: LeakContext) -> str | None:  # noqa: ARG001 - one signature
    match = _TRACES.search(_error_text(exchange))
    return None if match is None else match[0]


def _find_address(exchange: Exchange, context: LeakContext) -> str | None:
    text = _error_text(exchange)
    for address in context.internal:
        if address in text:
            return address
    for match in _ADDRESS.finditer(text):
        if match[0] != context.own and _is_internal(match[0]):
            return match[0]
    for match in _INTERNAL_NAME.finditer(text):
        if match[0].partition("//")[2] != context.own:
            return match[0]
    return None


def _is_internal(address: str) -> bool:
    host = address.partition(":")[0]
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return False


def _find_path(exchange: Exchange, context: LeakContext) -> str | None:  # noqa: ARG001 - one signature
    for match in _PATH.finditer(_error_text(exchange)):
        # An error may quote the path of the request.
        if match[0] not in exchange.request.path:
            return match[0]
    return None


def _find_secret(exchange: Exchange, context: LeakContext) -> str | None:
    text = f"{_header_text(exchange)}\n{exchange.answer.text}"
    for secret in _list_secrets(exchange, context):
        if secret in text:
            return "a key that signs tokens" if secret in context.secrets else "the token of the request"
    return None


def _list_secrets(exchange: Exchange, context: LeakContext) -> Iterator[str]:
    """Yield the keys, and the token of the request with its signature."""
    token = exchange.token
    candidates = [*context.secrets]
    if token is not None and exchange.request.token is not TokenKind.MALFORMED:
        candidates += [token, token.rpartition(".")[2]]
    for secret in candidates:
        if len(secret) >= _SHORTEST_SECRET:
            yield secret


def _error_text(exchange: Exchange) -> str:
    """Return the text of an error; empty for an answer, which a model has written."""
    if exchange.answer.is_success:
        return ""
    return f"{_header_text(exchange)}\n{exchange.answer.text}"


def _header_text(exchange: Exchange) -> str:
    return "\n".join(f"{name}: {value}" for name, value in exchange.answer.headers)


def _show(leak: str, exchange: Exchange, context: LeakContext) -> str:
    return wording.shorten(hide_texts(leak, list(_list_secrets(exchange, context))), 120)
