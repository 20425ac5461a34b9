"""Send one request of a target and record the bytes and times of its answer."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.core.config.prompts import Prompt
from bench.core.config.quick_load import split_address
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.target import SocketOptions, Target
from bench.core.response.answer import AnswerReader
from bench.core.response.explanation import BodyPart, RecordedAnswer
from bench.core.response.failure import Failure
from bench.core.samples.sample import Outcome
from bench.measure.http.connection import Connection, Reading, WireError
from bench.measure.http.route import DIRECT, Route
from bench.measure.http.wire import Address, request_bytes
from bench.measure.load.endpoint import Endpoint, check_url
from bench.measure.load.request_client import wire_failure

_MESSAGE_ID = "message"
_NO_BODY = b"content-length: 0\r\n\r\n"


def one_request(
    target: Target, url: str, message: str, environ: Mapping[str, str], route: Route = DIRECT
) -> Endpoint:
    """Return a target at an address, with one message.

    Args:
        target: The target.
        url: Address of its service.
        message: The message.
        environ: Values of the placeholders `${env.NAME}`.
        route: The certificates that are trusted.

    Raises:
        ConfigError: The address is invalid, or a placeholder has no value.
    """
    address = check_url(url, route.context)
    return replace(Endpoint.of(_spec(target, message), url, environ), address=address)


def record_answer(endpoint: Endpoint, token: str | None, timeout_s: float) -> RecordedAnswer:
    """Send the one message of an endpoint over a new connection, and return the answer with its times.

    Args:
        endpoint: The target with its message, made by `one_request`.
        token: Token of a test user; `None` if the target needs none.
        timeout_s: Longest time for the answer.
    """
    headers = dict(endpoint.headers)
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    if endpoint.websocket is not None:
        return asyncio.run(_converse(endpoint, endpoint.websocket, headers, timeout_s))
    path = endpoint.prefix + endpoint.path
    address = endpoint.address
    head = request_bytes(endpoint.target.method, path, address.authority, headers).removesuffix(_NO_BODY)
    return asyncio.run(_exchange(address, path, head + endpoint.tail(_MESSAGE_ID), timeout_s))


def get_document(
    url: str, headers: Mapping[str, str], timeout_s: float, route: Route = DIRECT
) -> RecordedAnswer:
    """Get a document over a new connection of the project's own transport, without proxies.

    Args:
        url: Address of the document.
        headers: Headers of the request.
        timeout_s: Longest time for the answer.
        route: The certificates that are trusted.

    Raises:
        ConfigError: The address is invalid.
    """
    origin, path = split_address(url)
    address = check_url(origin, route.context)
    request = request_bytes("GET", path or "/", address.authority, headers)
    return asyncio.run(_exchange(address, path or "/", request, timeout_s))


def _spec(target: Target, message: str) -> RunSpec:
    scenario = {
        "name": "one-request",
        "purpose": "One request.",
        "target": target.name,
        "seed": 1,
        "prompts": "-",
        "phases": [{"executor": "per-vu-iterations", "vus": 1, "iterations": 1}],
    }
    prompt = Prompt(id=_MESSAGE_ID, text=message)
    return RunSpec(scenario=Scenario.model_validate(scenario), target=target, prompts=(prompt,))


async def _converse(
    endpoint: Endpoint, use: SocketOptions, headers: Mapping[str, str], timeout_s: float
) -> RecordedAnswer:
    """Send the message over a new WebSocket. Each part of the answer is one message, and a line."""
    # Only this needs WebSockets.
    from bench.measure.http.websocket_connection import WebSocketConnection  # noqa: PLC0415 - see above
    from bench.measure.load.message_client import make_handshake  # noqa: PLC0415 - see above

    connection = WebSocketConnection(endpoint.address)
    connection.handshake = make_handshake(endpoint, endpoint.path, headers, use)
    reader = AnswerReader(endpoint.form)
    messages: list[tuple[bytes, float]] = []

    def take(message: bytes, at_s: float) -> None:
        messages.append((message, at_s))
        reader.feed(message, at_s)

    reading = Reading(take, is_over=reader.is_decided)
    broken = None
    start_s = time.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            await connection.exchange_with(endpoint.tail(_MESSAGE_ID), reading)
    except TimeoutError:
        broken = _timeout(timeout_s)
    except WireError as error:
        broken = wire_failure(error)
    ended_s = time.monotonic()
    start_s = connection.reply.sent_s or start_s
    parts = [BodyPart(message + b"\n", at_s - start_s) for message, at_s in messages]
    path = connection.handshake.path
    answer = _recorded(connection, path, parts, ended_s - start_s, broken)
    connection.close()
    await connection.wait_closed()
    return answer


async def _exchange(address: Address, path: str, request: bytes, timeout_s: float) -> RecordedAnswer:
    connection = Connection(address)
    connect_s = None
    broken = None
    parts: list[BodyPart] = []
    start_s = time.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            connect_s = await connection.open()
            start_s = time.monotonic()
            await connection.exchange(
                request,
                lambda part, at_s: parts.append(BodyPart(part, at_s - start_s)),
            )
    except TimeoutError:
        broken = _timeout(timeout_s)
    except WireError as error:
        outcome = Outcome.CONNECT_FAILED if connect_s is None else Outcome.BAD_STREAM
        broken = outcome, f"{error.kind.value}: {error}"
    ended_s = time.monotonic() - start_s
    connection.reply.connect_s = connect_s
    connection.close()
    await connection.wait_closed()
    return _recorded(connection, path, parts, ended_s, broken)


def _timeout(timeout_s: float) -> Failure:
    return Outcome.TIMEOUT, f"no complete response within {timeout_s:g} s"


def _recorded(
    connection: Connection, path: str, parts: Sequence[BodyPart], ended_s: float, broken: Failure | None
) -> RecordedAnswer:
    """Return the answer of the newest exchange of a connection."""
    reply = connection.reply
    address = connection.address
    scheme = "http" if address.tls is None else "https"
    headers = [(name.decode("latin-1"), value.decode("latin-1").strip()) for name, value in reply.headers]
    return RecordedAnswer(
        url=f"{scheme}://{address.authority}{path}",
        version=reply.version,
        is_secure=address.tls is not None,
        connect_s=reply.connect_s,
        status=reply.status,
        headers=headers,
        parts=parts,
        ended_s=ended_s,
        broken=broken,
    )
