"""Who leaves frees what was held for him, wherever in the stack he was."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from chatstack.connection import CancelOnDisconnect
from chatstack.generation import Generation, ModelServer
from chatstack.latency import Latency
from chatstack.model import make_model
from chatstack.settings import Settings, SettingsError
from chatstack.slots import Slots
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
from tests.virtual_time import run_virtually

PATHS = ["/api/generate", "/api/chat"]
CHAT = "/api/chat/ask-dynaform"
# The question with the longest answer.
LONG = max((f"Hello {number}" for number in range(200)), key=lambda text: len(Latency().answer(text, None)))


@pytest.fixture(scope="module")
def endless() -> Iterator[Service]:
    """A model that never comes to its first token: one runs, two wait."""
    with serving("model", {**ENDLESS, "OLLAMA_NUM_PARALLEL": "1", "OLLAMA_MAX_QUEUE": "2"}) as model:
        yield model


@pytest.fixture(scope="module")
def endless_stack(endless: Service, store_variables: dict[str, str]) -> Iterator[Stack]:
    """A stack over that model."""
    with _over(endless, store_variables) as stack:
        yield stack


@contextmanager
def _over(model: Service, variables: dict[str, str]) -> Iterator[Stack]:
    with (
        serving("agent", {**variables, "OLLAMA_URL": model.url}) as agent,
        serving("backend", {**variables, "AGENT_URL": agent.url}) as backend,
    ):
        yield Stack(variables, model, agent, backend)


@contextmanager
def _tiers(variables: dict[str, str], of_the_model: dict[str, str]) -> Iterator[Stack]:
    with serving("model", of_the_model) as model, _over(model, variables) as stack:
        yield stack


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


def test_leaving_in_the_midst_of_a_stream_frees_the_models_slot(
    store_variables: dict[str, str], user: dict[str, object]
) -> None:
    """Who leaves the backend when the first words have come has left the agent and the model as well."""
    # The next words come within a second, the last ones after anybody's patience.
    with _tiers(store_variables, {"MODEL_DECODE_TPS": "0.9"}) as stack:
        headers = bearer(mint(stack.secret, user))
        body = {"message": LONG, "stream": True}
        with ask_and_keep(stack.backend.url, CHAT, body, headers) as connection:
            read = b""
            while b"data: " not in read:
                read += (part := connection.recv(65_536))
                assert part, read
            assert queue(stack.model.url) == (1, 0)
        _becomes(stack.model, 0, 0)
        for tier in (stack.backend, stack.agent, stack.model):
            _in_flight_becomes(tier, 0)


@pytest.mark.parametrize("stream", [True, False])
def test_a_model_that_keeps_slots_goes_on_for_who_has_left(
    store_variables: dict[str, str], user: dict[str, object], stream: bool
) -> None:
    """With its knob turned the slot stays taken when all tiers know that the client is gone."""
    with _tiers(store_variables, {**ENDLESS, "OLLAMA_NUM_PARALLEL": "1", "MODEL_KEEPS_SLOTS": "1"}) as stack:
        headers = bearer(mint(stack.secret, user))
        for waiting in (0, 1):
            with ask_and_keep(stack.backend.url, CHAT, {"message": "Hello", "stream": stream}, headers):
                _becomes(stack.model, 1, waiting)
            for tier in (stack.backend, stack.agent, stack.model):
                _in_flight_becomes(tier, 0)
            assert queue(stack.model.url) == (1, waiting)


@pytest.mark.parametrize("keeps_slots", [True, False])
def test_a_kept_slot_is_free_when_its_answer_would_have_ended(keeps_slots: bool) -> None:
    """Who waits behind one who has left waits as long as behind one who stayed, and no longer."""
    latency = Latency(prefill_tps=1000, decode_tps=100)
    server = ModelServer(MODEL, latency, Slots(parallel=1, max_queue=2), keeps_slots=keeps_slots)
    ends_s: list[float] = []

    async def generate() -> None:
        words = ["word"] * 5  # 10 ms each, after 1 ms for the prompt
        generation = Generation(server, "Hi", words, lambda text: {"response": text}, streamed=False)
        await generation({"type": "http"}, _never, _nowhere)
        ends_s.append(asyncio.get_running_loop().time())

    async def work() -> None:
        leaves, stays = (asyncio.ensure_future(generate()) for _ in range(2))
        await asyncio.sleep(0.020)
        leaves.cancel()
        await stays
        assert (server.slots.running, server.slots.waiting, server.unheard) == (0, 0, set())

    run_virtually(work())
    assert ends_s == [pytest.approx((0.051 if keeps_slots else 0.020) + 0.051)]


@pytest.mark.parametrize("value", ["0.5", "2", "yes"])
def test_slots_are_kept_or_not(value: str) -> None:
    """The knob is 0 or 1."""
    with pytest.raises(SettingsError, match=f"^MODEL_KEEPS_SLOTS={value}: "):
        make_model(Settings({"MODEL_KEEPS_SLOTS": value}))


@pytest.mark.parametrize("keeps_slots", ["0", "1"])
@pytest.mark.parametrize("sent", ["all", "half"])
def test_leaving_is_nothing_to_complain_of(sent: str, keeps_slots: str) -> None:
    """A client that leaves before it has sent all, or has read the answer, leaves no traceback."""
    with serving("model", {**ENDLESS, "MODEL_KEEPS_SLOTS": keeps_slots}) as model, ExitStack() as client:
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
