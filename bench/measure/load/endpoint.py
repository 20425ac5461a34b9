"""The part of a target that all VUs share: its address, its headers, and the bytes of each message."""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from bench.core.config.placeholders import environment_values
from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.target import TOKEN_VALUE, WEBSOCKET_PREFIXES, JsonAnswer, SocketOptions, Target
from bench.core.config.template import expand_environment
from bench.core.load.rendering import as_text
from bench.core.response.answer_form import AnswerForm
from bench.core.response.either_form import STREAM_OPTIONS, EitherForm, prepare_form
from bench.core.response.plain_document import PlainDocumentReader, prepare_plain_reader
from bench.errors import ConfigError
from bench.measure.http.wire import Address, request_bytes

_CONVERSATION = "${conversation}"
# They replace the placeholders until a message is known. No file and no environment variable contains them.
_MESSAGE_MARK = "\0message\0"
_CONVERSATION_MARK = "\0conversation\0"
_MARKS = {"message": _MESSAGE_MARK}
TOKEN_MARK = "\0token\0"  # noqa: S105 - the name of a placeholder
"""Replaces the placeholder of the token in the options of a WebSocket."""
# Marks the place of the number that makes a message unique.
_UNIQUE_MARK = "~unique-message~"
SHORTEST_SECRET = 8
"""Length of the shortest text that results hide: a shorter one may stand in any text."""
_URL_HINT = "write it like http://127.0.0.1:3000"
_WEBSOCKET_HINT = "write http:// for ws:// and https:// for wss://; the target declares the WebSocket"
_AUTH_HINT = (
    "send it as a header, with ${env.NAME} in place of the secret: --header, or `headers` of a target"
)


@dataclass(frozen=True, slots=True)
class AnsweredMessage:
    """A message of a conversation and its response."""

    message: str
    """The text that was sent."""
    answer: str
    """The text of the response."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A target at an address, with its requests prepared."""

    target: Target
    """How to send a message, and where the text is in the response."""
    form: AnswerForm | EitherForm
    """The declaration of the response, prepared for reading."""
    address: Address
    """Address of the service that offers the target."""
    prefix: str
    """Path before all paths of the target, without a slash at the end; empty for most services."""
    path: str
    """Path of each request below the prefix, with environment variables expanded."""
    ready: str | None
    """Path that answers 200 if all tiers are ready, below the prefix; `None` if the target has none."""
    headers: Mapping[str, str]
    """Headers of each request."""
    body: Any
    """Body of the target, with environment variables expanded and marks in place of the message."""
    tails: Mapping[str, bytes]
    """Content length and body of each single message, by its id. On a WebSocket, only the body."""
    plain_readers: Mapping[str, PlainDocumentReader | None]
    """Reader of ordinary answers to each message, by its id; `None` if the complete reader reads all."""
    prompts: Mapping[str, Prompt]
    """All messages and conversations by id."""
    timeout_s: float
    """Longest time for one request."""
    numbers: Iterator[int] | None
    """Numbers that make messages unique; `None` if `unique_prompts` is off."""
    websocket: SocketOptions | None = None
    """Options of a WebSocket, with environment variables expanded; `None` for HTTP."""
    leave_at: str | None = None
    """Milestone at which a VU leaves; `None` to read each response to its end."""

    @classmethod
    def of(
        cls,
        spec: RunSpec,
        base_url: str,
        environ: Mapping[str, str],
        target: Target | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> "Endpoint":
        """Return the endpoint of a run spec at an address.

        Args:
            spec: The scenario, its target and its messages.
            base_url: Address of the service.
            environ: Values of the placeholders `${env.NAME}`; the spec's own variables replace them.
            target: Replaces the spec's target.
            share: Number of this load generator and the count of all, so that unique messages are unique
                among all of them.

        Raises:
            ConfigError: A placeholder has no value, or the address is invalid.
        """
        target = target or spec.target
        environ = {**environ, **spec.variables}
        values = {**environment_values(environ), **_MARKS}
        body = _expand_body(target.body, values, f"targets/{target.name}.yaml: body")
        if body.get("stream") is False:
            body.pop(STREAM_OPTIONS, None)
        headers = {"accept-encoding": "identity", "content-type": "application/json"}
        is_unique = spec.scenario.unique_prompts
        make_tail = _message_bytes if target.is_websocket else _tail
        form = prepare_form(target, body)
        return cls(
            target=target,
            form=form,
            address=check_url(base_url),
            prefix=find_prefix(base_url),
            path=expand_path(target, "path", target.path, environ),
            ready=None if target.ready is None else expand_path(target, "ready", target.ready, environ),
            headers=headers | expand_headers(target, environ),
            body=body,
            tails=_tails(spec.prompts, body, make_tail, is_unique=is_unique),
            plain_readers={prompt.id: prepare_plain_reader(form, prompt.expect) for prompt in spec.prompts},
            prompts={prompt.id: prompt for prompt in spec.prompts},
            timeout_s=spec.scenario.request_timeout_s,
            numbers=count(*share) if is_unique else None,
            websocket=_expand_websocket(target, environ),
            leave_at=spec.scenario.leave_at,
        )

    @property
    def is_whole(self) -> bool:
        """Whether each response is one document, which is read when it is complete."""
        return isinstance(self.form, AnswerForm) and isinstance(self.form.answer, JsonAnswer)

    @property
    def intercepted(self) -> str | None:
        """First words of an answer that the agent gives without the model."""
        words = (form.intercepted for form in self.target.forms)
        return next(filter(None, words), None)

    def tail(self, prompt: str) -> bytes:
        """Return content length and body of the next request with this single message."""
        tail = self.tails[prompt]
        if self.numbers is None:
            return tail
        return tail.replace(_UNIQUE_MARK.encode(), self._unique_number().encode())

    def message(self, prompt: str, step: int) -> str:
        """Return the text of a conversation's message, made unique if the scenario asks for it."""
        text = self.prompts[prompt].messages[step]
        if self.numbers is None:
            return text
        return _mark(text, is_unique=True).replace(_UNIQUE_MARK, self._unique_number())

    def tail_after(self, history: Sequence[AnsweredMessage], message: str, body: Any = None) -> bytes:
        """Return content length and body of a request that continues a conversation.

        Args:
            history: The messages so far.
            message: The next message.
            body: The endpoint's body with the values of a user; `None` for the endpoint's own.
        """
        make_tail = _tail if self.websocket is None else _message_bytes
        return make_tail(_fill(self.body if body is None else body, message, history))

    def _unique_number(self) -> str:
        assert self.numbers is not None  # noqa: S101 - the callers check it
        return f"{next(self.numbers):016x}"


def check_url(url: str, tls: ssl.SSLContext | None = None) -> Address:
    """Return the address of a service. Its URL may have a path, and all paths of the target are below it.

    Args:
        url: The address.
        tls: TLS context for https; `None` for the certificates of the system.

    Raises:
        ConfigError: The URL is invalid.
    """
    try:
        parts = urlsplit(url)
        if parts.username is not None:  # the URL is not shown, since it contains a secret
            raise ConfigError(f"the URL of {parts.hostname} contains a user name or password", _AUTH_HINT)
        address = Address.of(url, tls)
        request_bytes("GET", find_prefix(url) + "/", address.authority, {})
    except ValueError as error:
        is_websocket = url.startswith(WEBSOCKET_PREFIXES)
        raise ConfigError(f"invalid URL: {error}", _WEBSOCKET_HINT if is_websocket else _URL_HINT) from error
    if parts.query or parts.fragment:
        raise ConfigError(f"invalid URL: {url!r} has a query or a fragment", _URL_HINT)
    return address


def expand_headers(target: Target, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a target with environment variables expanded and names in lower case.

    Raises:
        ConfigError: A placeholder has no value, or a header contains a line break.
    """
    values = environment_values(environ)
    where = f"targets/{target.name}.yaml: headers"
    expanded = expand_environment(target.headers, values, where)
    headers = {name.lower(): as_text(value) for name, value in expanded.items()}
    try:
        request_bytes("GET", "/", "localhost", headers)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
    return headers


def list_secrets_of_headers(target: Target, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of headers that variables provide, and the words in them: `Bearer KEY` has two.

    The longest ones come first. Short words, which may stand in any text, are left out.

    Raises:
        ConfigError: As for `expand_headers`.
    """
    secrets: set[str] = set()
    for name, value in expand_headers(target, environ).items():
        is_variable = any(name == other.lower() and "${" in text for other, text in target.headers.items())
        if is_variable:
            secrets |= {text for text in (value, *value.split()) if len(text) >= SHORTEST_SECRET}
    return tuple(sorted(secrets, key=len, reverse=True))


def expand_path(target: Target, field: str, path: str, environ: Mapping[str, str]) -> str:
    """Return a path of a target with environment variables expanded.

    Raises:
        ConfigError: A placeholder has no value, or the path contains a blank.
    """
    where = f"targets/{target.name}.yaml: {field}"
    expanded = as_text(expand_environment(path, environment_values(environ), where))
    try:
        request_bytes("GET", expanded, "localhost", {})
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
    return expanded


def find_prefix(url: str) -> str:
    """Return the path of a service's URL, without a slash at the end; empty for most services."""
    return urlsplit(url).path.rstrip("/")


def _expand_websocket(target: Target, environ: Mapping[str, str]) -> SocketOptions | None:
    """Return the options of a WebSocket with environment variables, and a mark in place of the token.

    Raises:
        ConfigError: A placeholder has no value.
    """
    if not target.is_websocket:
        return None
    use = target.websocket or SocketOptions()
    values = {**environment_values(environ), TOKEN_VALUE: TOKEN_MARK}
    where = f"targets/{target.name}.yaml: websocket"
    return use.model_copy(update=expand_environment(use.model_dump(), values, where))


def _tails(
    prompts: Sequence[Prompt], body: Any, make_tail: Callable[[Any], bytes], *, is_unique: bool
) -> dict[str, bytes]:
    """Return the part of a request that differs between messages, for each single message."""
    tails = {}
    for prompt in prompts:
        if not prompt.then:
            tails[prompt.id] = make_tail(_fill(body, _mark(prompt.text, is_unique=is_unique), ()))
    return tails


def _mark(text: str, *, is_unique: bool) -> str:
    return f"{text} ({_UNIQUE_MARK})" if is_unique else text


def _message_bytes(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode(errors="replace")


def _tail(body: Any) -> bytes:
    content = _message_bytes(body)
    return b"content-length: %d\r\n\r\n" % len(content) + content


def _expand_body(template: Any, values: Mapping[str, str], where: str) -> Any:
    """Return the body with all placeholders expanded, except those of the message and the conversation."""
    match template:
        case str() if template == _CONVERSATION:
            return _CONVERSATION_MARK
        case str():
            return expand_environment(template, values, where)
        case dict():
            return {key: _expand_body(value, values, where) for key, value in template.items()}
        case list():
            return [_expand_body(value, values, where) for value in template]
        case _:
            return template


def _fill(template: Any, message: str, history: Sequence[AnsweredMessage]) -> Any:
    """Return the body with its message. Placeholders within the message stay as they are."""
    match template:
        case str() if template == _CONVERSATION_MARK:
            return _chat_messages(message, history)
        case str():
            return template.replace(_MESSAGE_MARK, message)
        case dict():
            return {key: _fill(value, message, history) for key, value in template.items()}
        case list():
            return _fill_list(template, message, history)
        case _:
            return template


def _fill_list(template: Sequence[Any], message: str, history: Sequence[AnsweredMessage]) -> list[Any]:
    """Return a list of the body; the messages of a conversation become its items, after a system prompt."""
    items: list[Any] = []
    for value in template:
        if value == _CONVERSATION_MARK:
            items += _chat_messages(message, history)
        else:
            items.append(_fill(value, message, history))
    return items


def _chat_messages(message: str, history: Sequence[AnsweredMessage]) -> list[dict[str, str]]:
    messages = []
    for answered in history:
        messages.append({"role": "user", "content": answered.message})
        messages.append({"role": "assistant", "content": answered.answer})
    messages.append({"role": "user", "content": message})
    return messages
