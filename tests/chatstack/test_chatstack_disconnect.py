"""Who leaves frees what was held for him, wherever in the stack he was."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from chatstack.connection import CancelOnDisconnect
from tests.chatstack.conftest import Stack
from tests.chatstack.stacks import (
    ENDLESS,
    MODEL,
    Service,
    ask_and_keep,
    bearer,
    connect,
    ended,
    gauges,
    mint,
    queue,
    serving,
)
from tests.eventually import eventually

PATHS = ["/api/generate", "/api/chat"]
CHAT = "/api/chat/ask-dynaform"


@pytest.fixture(scope="module")
def endless() -> Iterator[Service]:
    """A model that never comes to its first token: one runs, two wait."""
    with serving("model", {**ENDLESS, "OLLAMA_NUM_PARALLEL": "1", "OLLAMA_MAX_QUEUE": "2"}) as model:
        yield model


@pytest.fixture(scope="module")
def endless_stack(endless: Service, store_variables: dict[str, str]) -> Iterator[Stack]:
    """A stack over that model."""
    with (
        serving("agent", {**store_variables, "OLLAMA_URL": endless.url}) as agent,
        serving("backend", {**store_variables, "AGENT_URL": agent.url}) as backend,
    ):
        yield Stack(store_variables, endless, agent, backend)


def test_a_model_that_keeps_slots_goes_on_for_who_has_left() -> None:
    """With its knob turned a generation holds its slot after its client is gone; without, see below."""
    with serving("model", {**ENDLESS, "OLLAMA_NUM_PARALLEL": "1", "MODEL_KEEPS_SLOTS": "1"}) as model:
        for _ in range(2):
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(f"{model.url}/api/generate", json=_body(stream=False), timeout=0.5)
        _becomes(model, 1, 1)


def _body(*, stream: bool) -> dict[str, object]:
    messages = [{"role": "user", "content": "Hello"}]
    return {"model": MODEL, "prompt": "Hello", "messages": messages, "stream": stream}


def _becomes(model: Service, running: int, waiting: int) -> None:
    eventually(lambda: queue(model.url) == (running, waiting))


def _in_flight_becomes(service: Service, count: int) -> None:
    eventually(lambda: gauges(service.url)["chatstack_in_flight"] == count)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [True, False])
def test_leaving_while_it_runs_frees_the_slot(endless: Service, path: str, stream: bool) -> None:
    """A request whose client leaves while it runs gives its slot back."""
    with ask_and_keep(endless.url, path, _body(stream=stream)):
        _becomes(endless, 1, 0)
    _becomes(endless, 0, 0)


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_the_queue_frees_the_turn(endless: Service, stream: bool) -> None:
    """A request whose client leaves while it waits leaves the queue, and the one that runs goes on."""
    with ask_and_keep(endless.url, PATHS[0], _body(stream=stream)):
        _becomes(endless, 1, 0)
        with ask_and_keep(endless.url, PATHS[0], _body(stream=stream)):
            _becomes(endless, 1, 1)
        _becomes(endless, 1, 0)
    _becomes(endless, 0, 0)


def test_the_next_in_line_gets_the_slot(endless: Service) -> None:
    """When the client of the running request leaves, the first that waits runs."""
    with ExitStack() as second:
        with ask_and_keep(endless.url, PATHS[0], _body(stream=True)):
            _becomes(endless, 1, 0)
            second.enter_context(ask_and_keep(endless.url, PATHS[0], _body(stream=True)))
            _becomes(endless, 1, 1)
        _becomes(endless, 1, 0)
    _becomes(endless, 0, 0)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [True, False])
def test_beyond_the_queue_it_is_busy(endless: Service, path: str, stream: bool) -> None:
    """One more than may wait is answered 503 at once, streaming or not, and the others stay."""
    with ExitStack() as clients:
        for number in range(3):
            clients.enter_context(ask_and_keep(endless.url, PATHS[0], _body(stream=True)))
            _becomes(endless, 1, number)
        response = httpx.post(f"{endless.url}{path}", json=_body(stream=stream), timeout=60, trust_env=False)
        assert response.status_code == 503
        assert response.json()["error"].startswith("server busy")
        assert queue(endless.url) == (1, 2)
    _becomes(endless, 0, 0)


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_the_agent_frees_the_models_slot(endless_stack: Stack, stream: bool) -> None:
    """Who leaves the agent has left the model as well."""
    with ask_and_keep(endless_stack.agent.url, PATHS[0], _body(stream=stream)):
        _becomes(endless_stack.model, 1, 0)
    _becomes(endless_stack.model, 0, 0)


def test_leaving_while_the_agent_asks_frees_the_models_slot(endless_stack: Stack) -> None:
    """Who leaves while the agent asks the model whether to publish has left the model as well."""
    body = {"model": MODEL, "prompt": "publish form 42"}
    with ask_and_keep(endless_stack.agent.url, PATHS[0], body):
        _becomes(endless_stack.model, 1, 0)
    _becomes(endless_stack.model, 0, 0)


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_the_backend_frees_the_models_slot(
    endless_stack: Stack, user: dict[str, object], stream: bool
) -> None:
    """Who leaves the backend has left the agent and the model as well, and nobody counts him any more."""
    headers = bearer(mint(endless_stack.secret, user))
    body = {"message": "Hello", "stream": stream}
    with ask_and_keep(endless_stack.backend.url, CHAT, body, headers):
        _becomes(endless_stack.model, 1, 0)
        for tier in (endless_stack.backend, endless_stack.agent, endless_stack.model):
            assert gauges(tier.url)["chatstack_in_flight"] == 1
    _becomes(endless_stack.model, 0, 0)
    for tier in (endless_stack.backend, endless_stack.agent, endless_stack.model):
        _in_flight_becomes(tier, 0)


@pytest.mark.parametrize("sent", ["all", "half"])
def test_leaving_is_nothing_to_complain_of(sent: str) -> None:
    """A client that leaves before it has sent all, or has read the answer, leaves no traceback."""
    with serving("model", ENDLESS) as model, ExitStack() as client:
        if sent == "all":
            client.enter_context(ask_and_keep(model.url, PATHS[0], _body(stream=True)))
        else:
            connection = client.enter_context(connect(model.url))
            head = f"POST {PATHS[0]} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
            connection.sendall(head.encode() + b"{")
        _in_flight_becomes(model, 1)
        client.close()
        _in_flight_becomes(model, 0)
        _, err = ended(model.process)
    assert err == ""


async def _never() -> Message:
    """A connection that says nothing."""
    await asyncio.Event().wait()
    raise AssertionError


async def _nowhere(_: Message) -> None:
    """A client whose ears do not matter."""


def test_an_error_of_the_app_is_not_swallowed() -> None:
    """What the app raises is raised, though it ran beside a watch."""

    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(CancelOnDisconnect(broken)({"type": "http"}, _never, _nowhere))


def test_other_than_http_is_left_alone() -> None:
    """The lifespan of an app has no client that could leave."""
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    asyncio.run(CancelOnDisconnect(app)({"type": "lifespan"}, _never, _nowhere))
    assert seen == [{"type": "lifespan"}]


def test_the_app_reads_what_came_before_the_end() -> None:
    """Every message of the connection reaches the app, in order, up to the one that ends it."""
    messages: list[Message] = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]
    read: list[Message] = []
    cancelled = asyncio.Event()

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        read.append(await receive())
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    coming = iter(messages)

    async def receive() -> Message:
        await asyncio.sleep(0)
        return next(coming)

    asyncio.run(CancelOnDisconnect(app)({"type": "http"}, receive, _nowhere))
    assert read == messages[:1]
    assert cancelled.is_set()
