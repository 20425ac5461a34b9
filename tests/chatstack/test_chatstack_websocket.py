"""Chat over a WebSocket: the events of the stream over HTTP, and cancellation by a message."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chatstack.conftest import Stack
from tests.chatstack.sockets import ChatSocket, RefusedError, chat_socket
from tests.chatstack.stacks import (
    ENDLESS,
    Service,
    bearer,
    change,
    make_user,
    mint,
    queue_state,
    read_gauges,
    refused_address,
    serving,
)
from tests.eventually import eventually

CHAT = "/api/chat/ask-dynaform"
GREETING = "Hello, what can you do?"


@pytest.fixture(scope="module")
def backend(stack: Stack) -> Iterator[Service]:
    """Run a backend with WebSockets, in front of the fast model."""
    variables = {**stack.variables, "AGENT_URL": stack.agent.url, "WEBSOCKET": "1"}
    with serving("backend", variables) as backend:
        yield backend


@pytest.fixture
def chat(backend: Service, token: str) -> Iterator[ChatSocket]:
    """Open a WebSocket with a valid token."""
    with chat_socket(backend.url, bearer(token)) as chat:
        yield chat


def _events_over_http(backend: Service, token: str) -> list[dict[str, Any]]:
    """Return the events of a stream, with their names as types."""
    body = {"message": GREETING, "stream": True}
    response = httpx.post(
        f"{backend.url}{CHAT}", json=body, headers=bearer(token), trust_env=False, timeout=60
    )
    events = []
    for block in response.text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if fields:
            events.append({"type": fields.get("event", "message"), **json.loads(fields["data"])})
    return events


def _timeless(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return events without their durations and moments."""
    return [{**event, "timing": sorted(event.get("timing", ())), "timestamp": None} for event in events]


def test_the_events_are_those_of_the_stream(backend: Service, chat: ChatSocket, token: str) -> None:
    """Pieces, token count and tiers are equal; only the durations differ."""
    chat.ask(GREETING)
    assert _timeless(chat.read_answer()) == _timeless(_events_over_http(backend, token))


def test_messages_are_answered_one_after_the_other(chat: ChatSocket) -> None:
    """Also those that the client sends before it has the first answer."""
    chat.ask(GREETING)
    chat.ask("")
    chat.ask(GREETING)
    answers = [chat.read_answer() for _ in range(3)]
    assert [answer[-1]["type"] for answer in answers] == ["done", "error", "done"]
    assert _timeless(answers[0]) == _timeless(answers[2])


def test_a_browser_sends_its_token_in_a_subprotocol(backend: Service, token: str) -> None:
    """Browsers cannot set headers, and need a selected subprotocol."""
    with chat_socket(backend.url, subprotocols=["chat", f"bearer.{token}"]) as chat:
        assert chat.subprotocol == "chat"
        chat.ask(GREETING)
        assert chat.read_answer()[-1]["type"] == "done"


@pytest.mark.parametrize("subprotocols", [[], ["chat"], ["chat", "bearer.x"]])
def test_a_client_without_a_valid_token_is_refused(backend: Service, subprotocols: list[str]) -> None:
    """The handshake has the status and the words of the other calls."""
    with pytest.raises(RefusedError) as refused, chat_socket(backend.url, subprotocols=subprotocols):
        pass
    assert refused.value.status == 401
    words = "Invalid token" if "bearer.x" in subprotocols else "Access denied"
    assert json.loads(refused.value.body) == {"error": words}


def test_a_token_that_becomes_invalid_ends_the_connection(backend: Service, stack: Stack) -> None:
    """The token is checked for each message: a revoked one is no longer accepted."""
    user = make_user()
    change("users", "add", [user], stack.variables)
    token = mint(stack.secret, user)
    with chat_socket(backend.url, bearer(token)) as chat:
        chat.ask(GREETING)
        assert chat.read_answer()[-1]["type"] == "done"
        url = f"{backend.url}/api/auth/logout"
        assert httpx.post(url, headers=bearer(token), trust_env=False).is_success
        chat.ask(GREETING)
        assert chat.read() == {"type": "error", "status": 401, "error": "Token revoked"}
        assert chat.read() is None
        assert chat.close_code == 4401


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"message": "Hello"}', "type must be message or cancel"),
        ('{"type": "message"}', "message is required"),
        ('{"type": "message", "message": 5}', "message is required"),
        (json.dumps({"type": "message", "message": "A" * 10_001}), "longer than 10000"),
        ('{"type": "message", "message": "\\ud800"}', "not JSON"),
    ],
)
def test_a_wrong_message_gets_an_error(chat: ChatSocket, text: str, words: str) -> None:
    """The connection stays open for the next message."""
    chat.send_text(text)
    (error,) = chat.read_answer()
    assert error["status"] == 400
    assert words in error["error"]
    chat.ask(GREETING)
    assert chat.read_answer()[-1]["type"] == "done"


def test_the_size_of_a_message_is_limited(chat: ChatSocket) -> None:
    """A message above a megabyte is not read to its end."""
    chat.ask("A" * 1_100_000)
    assert chat.read() is None
    assert chat.close_code == 1009


def test_a_cancellation_and_a_disconnect_free_the_slot(stack: Stack, user: dict[str, object]) -> None:
    """The model has no work for a client that cancels, leaves, or is disconnected for too many messages."""
    token = mint(stack.secret, user)
    with (
        serving("model", {**ENDLESS, "OLLAMA_NUM_PARALLEL": "1"}) as model,
        serving("agent", {**stack.variables, "OLLAMA_URL": model.url}) as agent,
        serving("backend", {**stack.variables, "AGENT_URL": agent.url, "WEBSOCKET": "1"}) as backend,
    ):
        with chat_socket(backend.url, bearer(token)) as chat:
            for _ in range(2):
                chat.ask(GREETING)
                eventually(lambda: queue_state(model.url) == (1, 0))
                chat.send_text('{"type": "cancel"}')
                assert chat.read_answer() == [{"type": "cancelled"}]
                eventually(lambda: queue_state(model.url) == (0, 0))
            chat.ask_and_cancel(GREETING)
            assert chat.read_answer() == [{"type": "cancelled"}]
            chat.send_text('{"type": "cancel"}')  # without an answer in progress, it has no effect
            chat.ask(GREETING)
            eventually(lambda: queue_state(model.url) == (1, 0))
        eventually(lambda: queue_state(model.url) == (0, 0))
        eventually(lambda: read_gauges(backend.url)["chatstack_in_flight"] == 0)
        with chat_socket(backend.url, bearer(token)) as chat:
            for _ in range(12):
                chat.ask(GREETING)
            assert chat.read() is None
            assert chat.close_code == 1008
        eventually(lambda: queue_state(model.url) == (0, 0))


def test_a_failure_of_the_agent_is_an_error_with_its_status(stack: Stack, token: str) -> None:
    """The status is the one that the same call has over HTTP."""
    with refused_address() as agent_url:
        variables = {**stack.variables, "AGENT_URL": agent_url, "WEBSOCKET": "1"}
        with serving("backend", variables) as backend, chat_socket(backend.url, bearer(token)) as chat:
            chat.ask(GREETING)
            (error,) = chat.read_answer()
            assert (error["type"], error["status"]) == ("error", 503)


def test_a_failure_of_the_backend_is_an_error_and_ends_the_connection(stack: Stack, tmp_path: Path) -> None:
    """No client waits for an answer that cannot come, for example after an error of the store."""
    variables = {**stack.variables, "SQLITE_PATH": str(tmp_path / "store.sqlite"), "WEBSOCKET": "1"}
    user = make_user()
    change("users", "add", [user], variables)
    token = mint(stack.secret, user)
    with (
        serving("backend", {**variables, "AGENT_URL": stack.agent.url}) as backend,
        chat_socket(backend.url, bearer(token)) as chat,
    ):
        with closing(sqlite3.connect(variables["SQLITE_PATH"])) as store:
            store.execute("DROP TABLE users")
        chat.ask(GREETING)
        assert chat.read_answer() == [{"type": "error", "status": 500, "error": "error"}]
        assert chat.read() is None
        assert chat.close_code == 1011


def test_answers_are_counted(backend: Service, chat: ChatSocket) -> None:
    """The counter of requests has a method of its own."""
    chat.ask(GREETING)
    chat.read_answer()
    counter = 'chatstack_requests_total{method="WEBSOCKET",status="200"}'
    eventually(lambda: counter in httpx.get(f"{backend.url}/metrics", trust_env=False).text)


def test_without_the_part_there_is_no_websocket(stack: Stack, token: str) -> None:
    """The call does not exist, and the server does not speak the protocol."""
    with pytest.raises(RefusedError) as refused, chat_socket(stack.backend.url, bearer(token)):
        pass
    assert refused.value.status == 404
