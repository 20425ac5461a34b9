"""Find an application on this machine, and the interface that takes its messages."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import httpx

from bench.core.config.quick_load import GivenHeaders
from bench.core.setup import drafts, openapi
from bench.errors import BenchError, ConfigError, TargetError
from bench.measure.http.route import DIRECT
from bench.usecases.doctor import MESSAGE
from bench.usecases.recognise import Caller, Recognised, recognise

_ANSWER_TIMEOUT_S = 60.0
_LOOK_TIMEOUT_S = 2.0
_MOST_OPERATIONS = 2  # each one is a real message
_NOT_FOUND = " with 404 "
_USUAL_PATHS = (
    "/api/chat",
    "/chat",
    "/api/ask",
    "/ask",
    "/api/message",
    "/api/messages",
    "/query",
    "/api/generate",
)


class Asker(Protocol):
    """Answers the questions of `init`: a person, or the defaults."""

    def choose(self, question: str, answers: Sequence[str]) -> int:
        """Return the index of one of several answers; the first one is the default."""
        ...

    def ask(self, question: str, default: str, option: str) -> str:
        """Return a text.

        Args:
            question: The question.
            default: The usual answer; empty if there is none.
            option: The option of the command line that gives the answer, for the error of a missing one.
        """
        ...


class Defaults:
    """Answers each question by its default, where no person can be asked."""

    def choose(self, question: str, answers: Sequence[str]) -> int:
        """See `Asker.choose`."""
        del question, answers
        return 0

    def ask(self, question: str, default: str, option: str) -> str:
        """See `Asker.ask`.

        Raises:
            ConfigError: The question has no default.
        """
        if not default:
            raise ConfigError(f"{question} is unknown", f"name it: {option}")
        return default


@dataclass(frozen=True, slots=True)
class Application:
    """What a user tells about an application. A value of None is looked for."""

    url: str | None = None
    """Address at which it runs already."""
    command: str | None = None
    """Command that starts it."""
    compose: str | None = None
    """Compose file that starts it."""
    port: int | None = None
    """Port on which it listens, if it accepts no other."""
    path: str | None = None
    """Path that receives a message."""
    body: str | None = None
    """JSON body with `${message}`."""
    text: str | None = None
    """Path of the text in the answer."""
    headers: Sequence[str] = ()
    """Headers as `NAME: VALUE`; secrets as `${env.NAME}`."""
    model_variables: Sequence[str] = ()
    """Variables that get the address of a simulated model."""
    vus: int = 5
    """Number of VUs of the scenario."""


def find_running(ports: Iterable[int]) -> tuple[str, ...]:
    """Return the addresses of ports on this machine that answer HTTP."""
    addresses = []
    with DIRECT.blocking_client([], {}, _LOOK_TIMEOUT_S) as client:
        for port in ports:
            url = f"http://127.0.0.1:{port}"
            with suppress(httpx.HTTPError):
                client.get(url)
                addresses.append(url)
    return tuple(addresses)


def find_interface(
    application: Application, addresses: Mapping[str, str], headers: GivenHeaders, asker: Asker
) -> tuple[str, Recognised]:
    """Return the service that answers a chat message, and its interface.

    Raises:
        TargetError: No request got an answer that can be read.
    """
    problems: list[BenchError] = []
    for service, url in addresses.items():
        for path, body in _list_requests(application, url):
            try:
                return service, recognise(_caller(application, url + path, body, headers))
            except TargetError as error:
                problems.append(error)
    telling = [problem for problem in problems if _NOT_FOUND not in problem.message] or problems
    if application.path is not None:
        raise telling[0]
    service, url = next(iter(addresses.items()))
    try:
        path = asker.ask("The path that receives a message", "", "--path /api/chat")
        body = asker.ask("Its JSON body", '{"message": "${message}"}', "--body")
    except ConfigError as error:
        raise TargetError(telling[0].message, f"{error.hint}; {telling[0].hint}") from error
    return service, recognise(_caller(application, url + path, body, headers))


def _caller(application: Application, url: str, body: str | None, headers: GivenHeaders) -> Caller:
    return Caller(
        url=url,
        message=MESSAGE,
        headers=headers,
        route=DIRECT,
        timeout_s=_ANSWER_TIMEOUT_S,
        body=body,
        text=application.text,
    )


def _list_requests(application: Application, url: str) -> Iterator[tuple[str, str | None]]:
    """Yield the path and the body of the requests to try; a body of None stands for the usual ones."""
    if application.path is not None:
        yield application.path, application.body
        return
    for operation in _read_operations(url):
        yield operation.path, application.body
        yield operation.path, json.dumps(operation.body)
    yield "", None
    for path in _USUAL_PATHS:
        yield path, application.body


def _read_operations(url: str) -> Sequence[openapi.Operation]:
    """Return the requests that take a message, of a service that describes itself."""
    with DIRECT.blocking_client([url], {}, _LOOK_TIMEOUT_S) as client:
        for path in openapi.DOCUMENT_PATHS:
            with suppress(httpx.HTTPError, ValueError):
                operations = openapi.find_chats(client.get(url + path).json())
                if operations:
                    return operations[:_MOST_OPERATIONS]
    return ()


def find_ready(url: str) -> str | None:
    """Return the first usual path at which a service answers 200."""
    with DIRECT.blocking_client([url], {}, _LOOK_TIMEOUT_S) as client:
        for path in drafts.HEALTH_PATHS:
            with suppress(httpx.HTTPError):
                if client.get(url + path).status_code == httpx.codes.OK:
                    return path
    return None
