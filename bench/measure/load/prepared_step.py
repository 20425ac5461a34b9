"""The part of a step's request that all users share: its parsed texts, and the files that it uploads."""

import base64
import json
import mimetypes
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlencode

from bench.core.config.journey import Step
from bench.core.config.step_request import FormPart, StepRequest
from bench.core.config.template import expand_environment
from bench.core.load.rendering import UserValues, as_text, prepare, prepare_path, prepare_text

_BOUNDARY = f"bench-{secrets.token_hex(16)}"  # no content contains it, except by a chance of 1 to 2**128
_BINARY = "application/octet-stream"
Pairs = list[tuple[str, str]]


class RenderedRequest(NamedTuple):
    """A request with the values of a user."""

    method: str
    """HTTP method."""
    path: str
    """Path with its query, below the prefix of the service."""
    headers: dict[str, str]
    """Headers, with names in lower case."""
    body: bytes
    """Body; empty for none."""


class _Body(NamedTuple):
    content_type: str | None
    render: Callable[[UserValues], bytes]


class PreparedStep:
    """A step whose request can be rendered often.

    Args:
        step: The step.
        service: Service that gets the request if it names none.
        files: Content of each file, by its path in the scenario.
        environment: Values of the placeholders of the environment.
        seed: Seed of random bytes.

    Raises:
        ConfigError: A variable of the environment is not set.
    """

    def __init__(
        self, step: Step, service: str, files: Mapping[str, bytes], environment: Mapping[str, str], seed: int
    ) -> None:
        assert step.request is not None  # noqa: S101 - steps of messages have no request
        where = f"step {step.name}: request"
        content = expand_environment(step.request.content, environment, where)
        self.step = step
        self.service = step.request.service or service
        self._method = step.request.verb
        self._path = prepare_path(content["path"])
        self._query = prepare(content["query"])
        self._headers = prepare(content["headers"])
        self._body = _prepare_body(step.request, content, files, seed)

    def render(self, values: UserValues) -> RenderedRequest:
        """Return the request with the values of a user.

        Raises:
            MissingValueError: A value is missing.
        """
        query = urlencode(_list_pairs(self._query(values)))
        path = self._path(values)
        if query:
            path += ("&" if "?" in path else "?") + query
        headers = {"accept-encoding": "identity"}
        if self._body.content_type is not None:
            headers["content-type"] = self._body.content_type
        for name, value in self._headers(values).items():
            headers[name.lower()] = as_text(value)
        return RenderedRequest(self._method, path, headers, self._body.render(values))


def _prepare_body(
    request: StepRequest, content: Mapping[str, Any], files: Mapping[str, bytes], seed: int
) -> _Body:
    if request.json_body is not None:
        document = prepare(content["json"])
        return _Body("application/json", lambda values: _json_bytes(document(values)))
    if request.form:
        form = prepare(content["form"])
        return _Body(
            "application/x-www-form-urlencoded",
            lambda values: urlencode(_list_pairs(form(values))).encode(),
        )
    if request.multipart:
        parts: list[Callable[[UserValues], bytes]] = []
        for name, declared in request.multipart.items():
            for part, texts in zip(declared, content["multipart"][name], strict=True):
                parts.append(_prepare_part(name, part, texts, files, seed))
        return _Body(f"multipart/form-data; boundary={_BOUNDARY}", lambda values: _join(parts, values))
    if request.text is not None:
        text = prepare_text(content["text"])
        return _Body("text/plain; charset=utf-8", lambda values: text(values).encode(errors="replace"))
    return _Body(None, lambda _: b"")


def _prepare_part(
    name: str, part: FormPart, texts: Mapping[str, Any], files: Mapping[str, bytes], seed: int
) -> Callable[[UserValues], bytes]:
    """Return a function that renders a part of a multipart body."""
    filename = texts["filename"] or (PurePath(part.file).name if part.file is not None else None)
    if filename is None and part.text is None:
        filename = name
    content_type = part.type
    if content_type is None and filename is not None:
        content_type = mimetypes.guess_type(filename)[0] or _BINARY
    render_filename = prepare_text(filename or "")
    content = _prepare_content(part, texts, files, seed)

    def render(values: UserValues) -> bytes:
        head = f'content-disposition: form-data; name="{_quote(name)}"'
        if filename is not None:
            head += f'; filename="{_quote(render_filename(values))}"'
        if content_type is not None:
            head += f"\r\ncontent-type: {content_type}"
        return f"--{_BOUNDARY}\r\n{head}\r\n\r\n".encode() + content(values) + b"\r\n"

    return render


def _prepare_content(
    part: FormPart, texts: Mapping[str, Any], files: Mapping[str, bytes], seed: int
) -> Callable[[UserValues], bytes]:
    if part.file is not None:
        fixed = files[part.file]
    elif part.base64 is not None:
        fixed = base64.b64decode(part.base64)
    elif part.random_bytes is not None:
        fixed = Random(f"{seed}:bytes").randbytes(part.random_bytes)
    else:
        text = prepare_text(texts["text"])
        return lambda values: text(values).encode(errors="replace")
    return lambda _: fixed


def _join(parts: Sequence[Callable[[UserValues], bytes]], values: UserValues) -> bytes:
    return b"".join(render(values) for render in parts) + f"--{_BOUNDARY}--\r\n".encode()


def _list_pairs(fields: Mapping[str, Any]) -> Pairs:
    """Return the names and values of a form or a query; a list sends a name several times."""
    pairs: Pairs = []
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            pairs.append((name, as_text(item)))
    return pairs


def _json_bytes(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode(errors="replace")


def _quote(text: str) -> str:
    """Return a name within quotes, as browsers write it (WHATWG, multipart/form-data encoding algorithm)."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
