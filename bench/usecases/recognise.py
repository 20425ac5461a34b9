"""Recognise the interface at an address by a few requests, so that a load needs no target file."""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from bench.core.config.choices import make_choices
from bench.core.config.placeholders import MODEL
from bench.core.config.quick_load import GivenHeaders, split_address
from bench.core.config.setting import set_value
from bench.core.config.target import Target
from bench.core.response import interfaces
from bench.core.response.explanation import Explanation, RecordedAnswer, explain
from bench.core.values.escape import hide_texts, one_line
from bench.errors import ConfigError, TargetError
from bench.measure.http.route import Route
from bench.measure.load.endpoint import check_url, expand_headers, list_secrets_of_headers
from bench.measure.load.record_answer import get_document, one_request, record_answer
from bench.store import scenarios

_LIST_TIMEOUT_S = 5.0
_RETRIES = 2
_PAUSE_S = 0.5
_LONGEST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """What the command line tells about the requests to an address."""

    url: str
    """The address."""
    message: str
    """The first message of the load."""
    headers: GivenHeaders
    """Headers of each request."""
    route: Route
    """The way to the service."""
    timeout_s: float
    """Longest time for an answer."""
    model: str | None = None
    """Name of the model; None for the first one that the service lists."""
    body: str | None = None
    """JSON body of each request; None to try common ones."""
    text: str | None = None
    """Path of the text in the answer; None to look for it."""
    target: str | None = None
    """Name or file of a target; None to recognise one."""
    settings: Sequence[str] = ()
    """Values of the request's body or of other fields of the target, such as `stream=false`."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """The interface at an address."""

    target: Target
    """How to send a message, and how to read the answer."""
    base_url: str
    """Address of the service, below which the path of the target is."""


def recognise(caller: Caller) -> Recognised:
    """Return the interface at an address. It gets as few requests as possible; each one is a usual message.

    Raises:
        ConfigError: The address or an option is wrong.
        TargetError: No request got an answer that can be read. The message has the answer.
    """
    base_url, path = split_address(caller.url)
    check_url(base_url, caller.route.context)
    finder = _Finder(caller, base_url, path)
    nearest: Explanation | None = None
    for attempt in finder.list_attempts():
        explanation = finder.ask(attempt)
        if explanation.is_complete:
            return Recognised(explanation.target, attempt.base_url)
        if nearest is None or interfaces.is_nearer(explanation, nearest):
            nearest = explanation
        if not interfaces.may_accept_another(explanation.answer):
            break
    assert nearest is not None  # noqa: S101 - there is always one attempt
    raise _refuse(caller, nearest)


@dataclass(slots=True)
class _Finder:
    """Finds the request that a service answers.

    Attributes:
        caller: The request of the command line.
        base_url: Scheme, host and port of the address.
        path: Path and query of the address; empty if it has none.
        missing: Field that the newest refusal names as missing.
    """

    caller: Caller
    base_url: str
    path: str
    missing: str | None = field(default=None, init=False)

    def list_attempts(self) -> Iterator[Recognised]:
        """Yield the requests to try, the most probable ones first."""
        caller = self.caller
        if caller.target is not None:
            yield from self._at_path([scenarios.load_target(caller.target)])
        elif caller.body is not None:
            body = _parse_body(caller.body)
            yield self._complete(interfaces.plain_target(body, self.path), self.base_url)
        else:
            yield from self._list_usual()

    def ask(self, attempt: Recognised) -> Explanation:
        """Send one request, and return what the target, or a declaration made for the answer, reads of it."""
        caller = self.caller
        environ = {**os.environ, **caller.headers.variables}
        endpoint = one_request(attempt.target, attempt.base_url, caller.message, environ, caller.route)
        answer = record_answer(endpoint, None, caller.timeout_s)
        for _ in range(_RETRIES):
            if answer.status not in interfaces.TEMPORARY:
                break
            time.sleep(_PAUSE_S)
            answer = record_answer(endpoint, None, caller.timeout_s)
        self.missing = interfaces.find_missing_field(answer.body)
        explanation = explain(attempt.target, answer)
        is_known = attempt.target.name != interfaces.PLAIN and explanation.is_complete
        if caller.target is not None or (is_known and caller.text is None):
            return explanation
        fitted = interfaces.fit_answer(answer, caller.text)
        if fitted is None:
            return explanation
        return explain(attempt.target.model_copy(update={"answer": fitted}), answer)

    def _list_usual(self) -> Iterator[Recognised]:
        names = scenarios.list_targets()
        ready_made = interfaces.list_ready_made(scenarios.load_target(name) for name in names)
        if self.path:
            fitting = interfaces.choose_by_path(ready_made, self.path)
            yield from (
                self._list_plain() if fitting is None else self._at_path(interfaces.vary_request(fitting))
            )
            return
        lists = [path for path in interfaces.MODEL_LISTS if self._list_models(self.base_url, path)]
        for chat in interfaces.order_chats(ready_made, lists[0] if lists else None):
            yield from self._at_path(interfaces.vary_request(chat))

    def _at_path(self, targets: Iterable[Target]) -> Iterator[Recognised]:
        """Yield targets whose path is the end of the address's path, or below it."""
        path, _, query = self.path.partition("?")
        for target in targets:
            base_url = self.base_url + path.removesuffix(target.path).rstrip("/")
            with_query = f"{target.path}?{query}" if query else target.path
            yield self._complete(target.model_copy(update={"path": with_query}), base_url)

    def _list_plain(self) -> Iterator[Recognised]:
        """Yield requests of common chat backends; the field that a refusal names comes next."""
        tried: list[Mapping[str, Any]] = []
        for body in interfaces.list_plain_bodies():
            if body not in tried:
                tried.append(body)
                yield self._complete(interfaces.plain_target(body, self.path), self.base_url)
            if self.missing is not None and {self.missing: "${message}"} not in tried:
                tried.append({self.missing: "${message}"})
                yield self._complete(interfaces.plain_target(tried[-1], self.path), self.base_url)

    def _complete(self, target: Target, base_url: str) -> Recognised:
        """Return a target with the headers of the command line and the name of a model."""
        caller = self.caller
        headers: dict[str, str] = {}
        for name, value in target.headers.items():
            is_needed = caller.target is not None or "${" not in value
            if is_needed:
                headers[name.lower()] = value
        headers |= caller.headers.templates
        changes: dict[str, Any] = {"headers": headers, "ready": None}
        if "authorization" in headers:
            changes["auth"] = "none"
        if "model" in target.body and (caller.model is not None or _is_ready_made(caller)):
            model = self._choose_model(base_url, target.ready)
            changes["body"] = {**target.body, "model": model}
        return Recognised(_change(target.model_copy(update=changes), caller.settings), base_url)

    def _choose_model(self, base_url: str, model_list: str | None) -> str:
        """Return the name of the model: that of the command line, or the first one that the service lists."""
        named = self.caller.model or os.environ.get(MODEL)
        if named:
            return named
        for path in (model_list,) if model_list in interfaces.MODEL_LISTS else interfaces.MODEL_LISTS:
            models = self._list_models(base_url, path)
            if models:
                return models[0]
        return interfaces.DEFAULT_MODEL

    def _list_models(self, base_url: str, path: str) -> list[str]:
        """Return the names of the models that a service lists at a path; none if it lists none."""
        environ = {**os.environ, **self.caller.headers.variables}
        target = interfaces.plain_target({}, "").model_copy(update={"headers": self.caller.headers.templates})
        headers = expand_headers(target, environ)
        address = base_url + path
        answer = get_document(address, headers, _LIST_TIMEOUT_S, self.caller.route)
        with suppress(ValueError):  # no answer is an empty body
            return interfaces.list_models(json.loads(answer.body))
        return []


def _change(target: Target, settings: Sequence[str]) -> Target:
    """Return a target with some values of the command line.

    Raises:
        ConfigError: A setting is wrong, or names a scenario.
    """
    choices = make_choices(None, None, settings)
    for setting in choices.of_scenario:
        raise ConfigError(f"{setting.text}: an address has no scenario", "use the options of bench run")
    content = target.model_dump()
    for setting in choices.of_target(target.body, {}):
        content = set_value(content, setting)
    try:
        return Target.model_validate(content) if choices.settings else target
    except ValidationError as error:
        raise ConfigError(
            f"--set: {error.errors()[0]['msg']}", "write for example --set stream=false"
        ) from error


def _is_ready_made(caller: Caller) -> bool:
    return caller.target is None and caller.body is None


def _parse_body(text: str) -> dict[str, Any]:
    """Return the body of the command line.

    Raises:
        ConfigError: The text is not a JSON object, or contains no place for the message.
    """
    example = 'write for example --body \'{"question": "${message}"}\''
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"--body: is not JSON: {error}", example) from error
    if not isinstance(body, dict):
        raise ConfigError("--body: is not a JSON object", example)
    if "${message}" not in text and "${conversation}" not in text:
        raise ConfigError("--body: has no ${message} or ${conversation}", example)
    return body


def _refuse(caller: Caller, nearest: Explanation) -> TargetError:
    """Return the error of an address whose answer cannot be read, with the answer and what to do."""
    answer = nearest.answer
    assert nearest.failure is not None  # noqa: S101 - it is incomplete
    outcome, words = nearest.failure
    request = json.dumps(nearest.target.body, ensure_ascii=False)
    if not answer.status:
        hint = "is the service up? check the address, and --timeout if its first answer is slow"
        return TargetError(f"{answer.url} gave no answer: {one_line(words)}", hint)
    environ = {**os.environ, **caller.headers.variables}
    words = hide_texts(words, list_secrets_of_headers(nearest.target, environ))
    came = one_line(words or answer.body[:_LONGEST_WORDS].decode(errors="replace")).strip()[:_LONGEST_WORDS]
    message = f"{answer.url} answered {request} with {answer.status} ({outcome.value}): {came}"
    return TargetError(message, _cure(caller, answer))


def _cure(caller: Caller, answer: RecordedAnswer) -> str:
    if answer.status in interfaces.NO_ACCESS:
        return "add the key of the service: --header 'authorization: Bearer ${env.KEY}'"
    if answer.status == interfaces.TOO_MANY_REQUESTS:
        return "the service refuses further requests: wait, or use another key"
    file = "write a target file, test it with bench doctor --url URL --target FILE, and add --target FILE"
    if _is_ready_made(caller):
        return f'describe the request: --body \'{{"question": "${{message}}"}}\' --text PATH; or {file}'
    return file
