"""A client that disconnects frees its slot, in every tier."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from bench.mock.slots import Slots
from chatstack.connection import CancelOnDisconnect
from chatstack.engines.latency import Latency
from chatstack.engines.simulated import SimulatedEngine
from chatstack.generation import Generation, ModelServer
from chatstack.model import make_model
from chatstack.settings import Settings, SettingsError
from tests.chatstack.conftest import Stack
from tests.chatstack.stacks import (
    ENDLESS,
    MODEL,
    Service,
    bearer,
    connect,
    mint,
    queue_state,
    read_gauges,
    send_without_reading,
    serving,
)
from tests.eventually import eventually
from tests.virtual_time import run_virtually

PATHS = ["/api/generate", "/api/chat"]
CHAT = "/api/chat/ask-dynaform"
# The prompt with the longest response.
LONG = max((f"Hello {number}" for number in range(200)), key=lambda text: len(Latency().answer(text, None)))


@pytest.fixture(scope="module")
def endless() -> Iterator[Service]:
    """Run a model that never sends a first token: one request runs, and two can wait."""
    with serving("model", {**ENDLESS, "OLLAMA_NUM_PARALLEL": "1", "OLLAMA_MAX_QUEUE": "2"}) as model:
        yield model


@pytest.fixture(scope="module")
def endless_stack(endless: Service, store_variables: dict[str, str]) -> Iterator[Stack]:
    """Run a stack with the endless model."""
    with _stack_with(endless, store_variables) as stack:
        yield stack


@contextmanager
def _stack_with(model: Service, variables: dict[str, str]) -> Iterator[Stack]:
    with (
        serving("agent", {**variables, "OLLAMA_URL": model.url}) as agent,
        serving("backend", {**variables, "AGENT_URL": agent.url}) as backend,
    ):
        yield Stack(variables, model, agent, backend)


@contextmanager
def _stack_with_model(variables: dict[str, str], model_variables: dict[str, str]) -> Iterator[Stack]:
    with serving("model", model_variables) as model, _stack_with(model, variables) as stack:
        yield stack


def _body(*, stream: bool) -> dict[str, object]:
    messages = [{"role": "user", "content": "Hello"}]
    return {"model": MODEL, "prompt": "Hello", "messages": messages, "stream": stream}


def _wait_for_queue(model: Service, running: int, waiting: int) -> None:
    eventually(lambda: queue_state(model.url) == (running, waiting))


def _wait_for_in_flight(service: Service, count: int) -> None:
    eventually(lambda: read_gauges(service.url)["chatstack_in_flight"] == count)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [True, False])
def test_a_disconnect_frees_a_running_slot(endless: Service, path: str, stream: bool) -> None:
    """A running request frees its slot when its client disconnects."""
    with send_without_reading(endless.url, path, _body(stream=stream)):
        _wait_for_queue(endless, 1, 0)
    _wait_for_queue(endless, 0, 0)


@pytest.mark.parametrize("stream", [True, False])
def test_a_disconnect_frees_a_place_in_the_queue(endless: Service, stream: bool) -> None:
    """A waiting request leaves the queue when its client disconnects; the running request continues."""
    with send_without_reading(endless.url, PATHS[0], _body(stream=stream)):
        _wait_for_queue(endless, 1, 0)
        with send_without_reading(endless.url, PATHS[0], _body(stream=stream)):
            _wait_for_queue(endless, 1, 1)
        _wait_for_queue(endless, 1, 0)
    _wait_for_queue(endless, 0, 0)


def test_the_next_waiting_request_gets_the_slot(endless: Service) -> None:
    """The first waiting request runs when the client of the running request disconnects."""
    with ExitStack() as second:
        with send_without_reading(endless.url, PATHS[0], _body(stream=True)):
            _wait_for_queue(endless, 1, 0)
            second.enter_context(send_without_reading(endless.url, PATHS[0], _body(stream=True)))
            _wait_for_queue(endless, 1, 1)
        _wait_for_queue(endless, 1, 0)
    _wait_for_queue(endless, 0, 0)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [True, False])
def test_a_full_queue_answers_503(endless: Service, path: str, stream: bool) -> None:
    """A request above the queue limit gets 503 at once, and the other requests stay."""
    with ExitStack() as clients:
        for number in range(3):
            clients.enter_context(send_without_reading(endless.url, PATHS[0], _body(stream=True)))
            _wait_for_queue(endless, 1, number)
        response = httpx.post(f"{endless.url}{path}", json=_body(stream=stream), timeout=60, trust_env=False)
        assert response.status_code == 503
        assert response.json()["error"].startswith("server busy")
        assert queue_state(endless.url) == (1, 2)
    _wait_for_queue(endless, 0, 0)


@pytest.mark.parametrize("stream", [True, False])
def test_a_disconnect_from_the_agent_frees_the_slot_of_the_model(endless_stack: Stack, stream: bool) -> None:
    """The agent passes a disconnect on to the model."""
    with send_without_reading(endless_stack.agent.url, PATHS[0], _body(stream=stream)):
        _wait_for_queue(endless_stack.model, 1, 0)
    _wait_for_queue(endless_stack.model, 0, 0)


def test_a_disconnect_during_an_extraction_frees_the_slot_of_the_model(endless_stack: Stack) -> None:
    """The agent also passes on a disconnect while it asks the model for the form."""
    body = {"model": MODEL, "prompt": "publish form 42"}
    with send_without_reading(endless_stack.agent.url, PATHS[0], body):
        _wait_for_queue(endless_stack.model, 1, 0)
    _wait_for_queue(endless_stack.model, 0, 0)


@pytest.mark.parametrize("stream", [True, False])
def test_a_disconnect_from_the_backend_frees_the_slot_of_the_model(
    endless_stack: Stack, user: dict[str, object], stream: bool
) -> None:
    """The disconnect reaches all tiers, and no tier counts the request as in flight."""
    headers = bearer(mint(endless_stack.secret, user))
    body = {"message": "Hello", "stream": stream}
    with send_without_reading(endless_stack.backend.url, CHAT, body, headers):
        _wait_for_queue(endless_stack.model, 1, 0)
        for tier in (endless_stack.backend, endless_stack.agent, endless_stack.model):
            assert read_gauges(tier.url)["chatstack_in_flight"] == 1
    _wait_for_queue(endless_stack.model, 0, 0)
    for tier in (endless_stack.backend, endless_stack.agent, endless_stack.model):
        _wait_for_in_flight(tier, 0)


def test_a_disconnect_during_a_stream_frees_the_slot_of_the_model(
    store_variables: dict[str, str], user: dict[str, object]
) -> None:
    """A disconnect after the first tokens of a stream reaches all tiers."""
    # The next words come within a second, the last ones later than any test waits.
    with _stack_with_model(store_variables, {"MODEL_DECODE_TPS": "0.9"}) as stack:
        headers = bearer(mint(stack.secret, user))
        body = {"message": LONG, "stream": True}
        with send_without_reading(stack.backend.url, CHAT, body, headers) as connection:
            read = b""
            while b"data: " not in read:
                read += (part := connection.recv(65_536))
                assert part, read
            assert queue_state(stack.model.url) == (1, 0)
        _wait_for_queue(stack.model, 0, 0)
        for tier in (stack.backend, stack.agent, stack.model):
            _wait_for_in_flight(tier, 0)


@pytest.mark.parametrize("stream", [True, False])
def test_a_model_that_keeps_slots_continues_after_a_disconnect(
    store_variables: dict[str, str], user: dict[str, object], stream: bool
) -> None:
    """With MODEL_KEEPS_SLOTS the slot stays occupied after all tiers saw the disconnect."""
    with _stack_with_model(
        store_variables, {**ENDLESS, "OLLAMA_NUM_PARALLEL": "1", "MODEL_KEEPS_SLOTS": "1"}
    ) as stack:
        headers = bearer(mint(stack.secret, user))
        for waiting in (0, 1):
            with send_without_reading(
                stack.backend.url, CHAT, {"message": "Hello", "stream": stream}, headers
            ):
                _wait_for_queue(stack.model, 1, waiting)
            for tier in (stack.backend, stack.agent, stack.model):
                _wait_for_in_flight(tier, 0)
            assert queue_state(stack.model.url) == (1, waiting)


@pytest.mark.parametrize("keeps_slots", [True, False])
def test_a_kept_slot_is_free_after_the_time_of_its_response(keeps_slots: bool) -> None:
    """A waiting request waits as long as if the client had stayed connected, and no longer."""
    latency = Latency(prefill_tps=1000, decode_tps=100)
    server = ModelServer((MODEL,), Slots(parallel=1, max_queue=2), keeps_slots=keeps_slots)
    engine = SimulatedEngine(latency, server.slots)
    ends_s: list[float] = []

    async def generate() -> None:
        work = engine.plan_tokens("Hi", ["word"] * 5)  # 10 ms each, after 1 ms for the prompt
        generation = Generation(server, MODEL, work, lambda text: {"response": text}, streamed=False)
        await generation({"type": "http"}, _receive_never, _discard)
        ends_s.append(asyncio.get_running_loop().time())

    async def work() -> None:
        cancelled, waiting = (asyncio.ensure_future(generate()) for _ in range(2))
        await asyncio.sleep(0.020)
        cancelled.cancel()
        await waiting
        assert (server.slots.running, server.slots.waiting, server.unheard) == (0, 0, set())

    run_virtually(work())
    assert ends_s == [pytest.approx((0.051 if keeps_slots else 0.020) + 0.051)]


@pytest.mark.parametrize("value", ["0.5", "2", "yes"])
def test_model_keeps_slots_is_0_or_1(value: str) -> None:
    """Any other value of the knob is refused."""
    with pytest.raises(SettingsError, match=f"^MODEL_KEEPS_SLOTS={value}: "):
        make_model(Settings({"MODEL_KEEPS_SLOTS": value}))


@pytest.mark.parametrize("keeps_slots", ["0", "1"])
@pytest.mark.parametrize("sent", ["all", "half"])
def test_a_disconnect_leaves_no_traceback(sent: str, keeps_slots: str) -> None:
    """A client may disconnect before it sent the request or before it read the response."""
    with serving("model", {**ENDLESS, "MODEL_KEEPS_SLOTS": keeps_slots}) as model, ExitStack() as client:
        if sent == "all":
            client.enter_context(send_without_reading(model.url, PATHS[0], _body(stream=True)))
        else:
            connection = client.enter_context(connect(model.url))
            head = f"POST {PATHS[0]} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
            connection.sendall(head.encode() + b"{")
        _wait_for_in_flight(model, 1)
        client.close()
        _wait_for_in_flight(model, 0)
        _, err = model.process.stop()
    assert err == ""


async def _receive_never() -> Message:
    """Wait for ever, like a silent connection."""
    await asyncio.Event().wait()
    raise AssertionError


async def _discard(_: Message) -> None:
    """Discard a message to the client."""


def test_an_error_of_the_app_is_raised() -> None:
    """CancelOnDisconnect passes on the exception of the app."""

    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(CancelOnDisconnect(broken)({"type": "http"}, _receive_never, _discard))


def test_other_protocols_are_passed_through() -> None:
    """The lifespan of an app has no client that could disconnect."""
    scopes: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        scopes.append(scope)

    asyncio.run(CancelOnDisconnect(app)({"type": "lifespan"}, _receive_never, _discard))
    assert scopes == [{"type": "lifespan"}]


def test_the_app_reads_the_messages_before_the_disconnect() -> None:
    """The app receives all messages in order, up to the disconnect."""
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

    remaining = iter(messages)

    async def receive() -> Message:
        await asyncio.sleep(0)
        return next(remaining)

    asyncio.run(CancelOnDisconnect(app)({"type": "http"}, receive, _discard))
    assert read == messages[:1]
    assert cancelled.is_set()
