"""What all virtual users of a target share: its address, its headers, and the bytes of each message."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import expand
from bench.core.config.target import Target
from bench.core.response.answer_form import AnswerForm
from bench.errors import ConfigError
from bench.measure.http.wire import Address, request_bytes

_MESSAGE, _CONVERSATION = "${message}", "${conversation}"
# What stands in their place until a message is there: no file and no environment has it.
_MESSAGE_HERE, _CONVERSATION_HERE = "\0message\0", "\0conversation\0"
# Stands in a unique message where the letters come that no other has.
_MARK = "~unique-message~"
_URL_HINT = "write it like http://127.0.0.1:3000"
_AUTH_HINT = "send it as a header of the target, with ${env.NAME} in place of the secret"


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said and answered."""

    message: str
    answer: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What all users of a target share.

    Attributes:
        target: How to ask, and where the answer stands.
        form: Where things stand in its answer.
        address: Of the service that offers the target.
        prefix: Of all paths there, without a slash at its end; empty for a service at the root.
        headers: Sent with each request.
        body: The target's, with the environment filled in and the message's place left.
        tails: The end of a request by message, length and body; none for messages of conversations.
        prompts: All messages and conversations by id.
        timeout_s: A request that takes longer is given up.
        numbers: One for each message, when it must be unlike all others; None when it need not.
    """

    target: Target
    form: AnswerForm
    address: Address
    prefix: str
    headers: Mapping[str, str]
    body: Any
    tails: Mapping[str, bytes]
    prompts: Mapping[str, Prompt]
    timeout_s: float
    numbers: Iterator[int] | None

    @classmethod
    def of(
        cls,
        spec: RunSpec,
        base_url: str,
        environ: Mapping[str, str],
        target: Target | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> "Endpoint":
        """The endpoint of a brief at an address, of its own target unless another is named.

        Args:
            spec: The work.
            base_url: The service's address.
            environ: For the placeholders of the target.
            target: In place of the brief's.
            share: Which of how many load generators asks: what is unique is so among all of them.

        Raises:
            ConfigError: A placeholder of the target has no value, or the address is none.
        """
        target = target or spec.target
        values = {f"env.{name}": value for name, value in environ.items()}
        body = _expanded(target.body, values, f"targets/{target.name}.yaml: body")
        headers = {"accept-encoding": "identity", "content-type": "application/json"}
        single = [prompt for prompt in spec.prompts if not prompt.then]
        unique = spec.scenario.unique_prompts
        return cls(
            target=target,
            form=AnswerForm(target.answer),
            address=check_url(base_url),
            prefix=_prefix(base_url),
            headers=headers | declared_headers(target, environ),
            body=body,
            tails={each.id: _tail(_filled(body, _marked(each.text, unique), ())) for each in single},
            prompts={prompt.id: prompt for prompt in spec.prompts},
            timeout_s=spec.scenario.request_timeout_s,
            numbers=count(*share) if unique else None,
        )

    def tail(self, prompt: str) -> bytes:
        """The end of the next request with this message, which is no conversation's."""
        tail = self.tails[prompt]
        return tail if self.numbers is None else tail.replace(_MARK.encode(), self._letters().encode())

    def message(self, prompt: str, step: int) -> str:
        """The text of a conversation's message, unlike all others when it must be."""
        text = _marked(self.prompts[prompt].messages[step], self.numbers is not None)
        return text if self.numbers is None else text.replace(_MARK, self._letters())

    def tail_after(self, history: Sequence[Turn], message: str) -> bytes:
        """The end of a request with a message of a conversation, after what was said before it."""
        return _tail(_filled(self.body, message, history))

    def _letters(self) -> str:
        assert self.numbers is not None  # noqa: S101 - it was looked at
        return f"{next(self.numbers):016x}"


def check_url(url: str) -> Address:
    """The server of a service's address, which may have a path for all others to stand below.

    Raises:
        ConfigError: It is no such address.
    """
    try:
        parts = urlsplit(url)
        if parts.username is not None:  # nothing of it is shown, for it is a secret
            raise ConfigError(f"the address of {parts.hostname} has a name or a password in it", _AUTH_HINT)
        address = Address.of(url)
        request_bytes("GET", _prefix(url) + "/", address.authority, {})
    except ValueError as error:
        raise ConfigError(f"no such address: {error}", _URL_HINT) from error
    if parts.query or parts.fragment:
        raise ConfigError(f"no such address: {url!r} goes on after its path", _URL_HINT)
    return address


def _prefix(url: str) -> str:
    return urlsplit(url).path.rstrip("/")


def declared_headers(target: Target, environ: Mapping[str, str]) -> dict[str, str]:
    """The headers of a target, with its placeholders filled.

    Raises:
        ConfigError: A placeholder has no value, or a header would break out of its line.
    """
    values = {f"env.{name}": value for name, value in environ.items()}
    where = f"targets/{target.name}.yaml: headers"
    headers = {name.lower(): expand(text, values, where) for name, text in target.headers.items()}
    try:
        request_bytes("GET", "/", "localhost", headers)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
    return headers


def _marked(text: str, unique: bool) -> str:
    return f"{text} ({_MARK})" if unique else text


def _tail(body: Any) -> bytes:
    content = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    return b"content-length: %d\r\n\r\n" % len(content) + content


def _expanded(template: Any, values: Mapping[str, str], where: str) -> Any:
    """A body with all placeholders filled but the message's and the conversation's."""
    match template:
        case str() if template == _CONVERSATION:
            return _CONVERSATION_HERE
        case str():
            return _MESSAGE_HERE.join(expand(part, values, where) for part in template.split(_MESSAGE))
        case dict():
            return {key: _expanded(value, values, where) for key, value in template.items()}
        case list():
            return [_expanded(value, values, where) for value in template]
        case _:
            return template


def _filled(template: Any, message: str, history: Sequence[Turn]) -> Any:
    """A body with its message; what looks like a placeholder in the message is left alone."""
    match template:
        case str():
            return (
                _conversation(message, history)
                if template == _CONVERSATION_HERE
                else template.replace(_MESSAGE_HERE, message)
            )
        case dict():
            return {key: _filled(value, message, history) for key, value in template.items()}
        case list():
            filled = [_filled(value, message, history) for value in template]
            # In a list the conversation's messages stand beside what else is there, such as a system prompt.
            return [
                part
                for value, each in zip(template, filled, strict=True)
                for part in (each if value == _CONVERSATION_HERE else [each])
            ]
        case _:
            return template


def _conversation(message: str, history: Sequence[Turn]) -> list[dict[str, str]]:
    said = [
        {"role": role, "content": content}
        for turn in history
        for role, content in (("user", turn.message), ("assistant", turn.answer))
    ]
    return [*said, {"role": "user", "content": message}]
