import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest

from chatstack.engines.latency import Latency
from tests.chatstack.conftest import Stack
from tests.chatstack.ollamas import Answer, Ollama, fake_ollama
from tests.chatstack.stacks import (
    ENDLESS,
    MODEL,
    bearer,
    mint,
    read_store,
    refused_address,
    server_timing,
    serving,
)

CHAT = "/api/chat/ask-dynaform"
HEALTH = "/api/chat/health"
JSON = [("Content-Type", "application/json")]
NDJSON = [("Content-Type", "application/x-ndjson")]


def _events(text: str) -> list[tuple[str, Any]]:
    """Return the type and the data of each server-sent event."""
    assert text.endswith("\n\n")
    events: list[tuple[str, Any]] = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        events.append((fields.get("event", "message"), json.loads(fields["data"])))
    return events


def _assert_has_time_zone(text: str) -> None:
    assert datetime.fromisoformat(text).tzinfo is not None


@dataclass(frozen=True)
class BackendOverFake:
    """A backend over a fake agent, whose responses the test decides."""

    client: httpx.Client
    agent: Ollama


@pytest.fixture(scope="module")
def shared_backend_over_fake(
    store_variables: dict[str, str], user: dict[str, Any]
) -> Iterator[BackendOverFake]:
    """Run a backend over a fake agent."""
    headers = bearer(mint(store_variables["JWT_SECRET"], user))
    with (
        fake_ollama() as agent,
        serving("backend", {**store_variables, "AGENT_URL": agent.url}) as backend,
        httpx.Client(base_url=backend.url, headers=headers, timeout=60, trust_env=False) as client,
    ):
        yield BackendOverFake(client, agent)


@pytest.fixture
def backend_over_fake(shared_backend_over_fake: BackendOverFake) -> BackendOverFake:
    """Return the shared backend; the fake agent has received no request yet."""
    shared_backend_over_fake.agent.requests.clear()
    return shared_backend_over_fake


def _answers(backend_over_fake: BackendOverFake, answer: Answer) -> None:
    backend_over_fake.agent.respond = lambda _: answer


def test_the_health_of_the_backend_needs_no_token(stack: Stack) -> None:
    """`/health` answers without a token."""
    response = httpx.get(f"{stack.backend.url}/health", trust_env=False)
    assert response.status_code == 200
    body = response.json()
    assert (body["success"], body["message"]) == (True, "the backend is running")
    _assert_has_time_zone(body["timestamp"])


def test_chat_is_healthy_if_the_agent_answers(backend_client: httpx.Client) -> None:
    """`/api/chat/health` is 200 if the agent answers `/api/tags`."""
    response = backend_client.get(HEALTH)
    assert (response.status_code, response.json()["success"]) == (200, True)


@pytest.mark.parametrize("status", [404, 500, 503])
def test_chat_is_unhealthy_if_the_agent_returns_an_error(
    backend_over_fake: BackendOverFake, status: int
) -> None:
    """`/api/chat/health` is 503 if the agent answers `/api/tags` with an error."""
    _answers(backend_over_fake, Answer([b"{}"], status, JSON))
    response = backend_over_fake.client.get(HEALTH)
    assert (response.status_code, response.json()) == (503, {"error": "the AI agent does not answer"})
    (request,) = backend_over_fake.agent.requests
    assert (request.method, request.target) == ("GET", "/api/tags")


@pytest.mark.parametrize("stream", [False, True])
def test_an_agent_that_refuses_connections_is_unavailable(stack: Stack, token: str, stream: bool) -> None:
    """Chat and its health are 503, and the backend itself stays healthy."""
    with (
        refused_address() as address,
        serving("backend", {**stack.variables, "AGENT_URL": address}) as backend,
        httpx.Client(base_url=backend.url, headers=bearer(token), timeout=60, trust_env=False) as client,
    ):
        chat = client.post(CHAT, json={"message": "Hello", "stream": stream})
        assert (chat.status_code, chat.json()) == (503, {"error": "the AI agent is not available"})
        assert client.get(HEALTH).status_code == 503
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_agent_is_a_timeout(store_variables: dict[str, str], token: str, stream: bool) -> None:
    """If the agent does not answer in UPSTREAM_TIMEOUT_S, the response is 408."""
    with ExitStack() as services:
        model = services.enter_context(serving("model", ENDLESS))
        if stream:  # a running stream has started, so only a waiting one can time out
            waiting = {"model": MODEL, "prompt": "Hello"}
            services.enter_context(
                httpx.stream("POST", f"{model.url}/api/generate", json=waiting, timeout=60, trust_env=False)
            )
        variables = {**store_variables, "AGENT_URL": model.url, "UPSTREAM_TIMEOUT_S": "0.1"}
        backend = services.enter_context(serving("backend", variables))
        body = {"message": "Hello", "stream": stream}
        response = httpx.post(
            f"{backend.url}{CHAT}", json=body, headers=bearer(token), timeout=60, trust_env=False
        )
    assert (response.status_code, response.json()) == (408, {"error": "the AI agent did not answer in time"})


@pytest.mark.parametrize(
    ("status", "answered"),
    [(302, 500), (400, 400), (404, 404), (429, 429), (499, 499), (500, 500), (502, 500), (503, 500)],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_of_the_agent_are_passed_on(
    backend_over_fake: BackendOverFake, status: int, answered: int, stream: bool
) -> None:
    """A 4xx of the agent keeps its status, and any other error is 500."""
    _answers(backend_over_fake, Answer([b'{"error": "theirs"}'], status, JSON))
    response = backend_over_fake.client.post(CHAT, json={"message": "Hello", "stream": stream})
    assert response.status_code == answered
    assert response.json() == {"error": "the AI agent could not answer"}


@pytest.mark.parametrize("content", [b"{}", b"[]", b"no JSON", b'{"response": 7}', b'{"message": "hi"}'])
def test_a_response_without_a_text_is_an_error(backend_over_fake: BackendOverFake, content: bytes) -> None:
    """If the response of the agent has no text, the response is 500."""
    _answers(backend_over_fake, Answer([content], headers=JSON))
    response = backend_over_fake.client.post(CHAT, json={"message": "Hello"})
    assert (response.status_code, response.json()) == (500, {"error": "the AI agent could not answer"})


def test_an_incomplete_response_of_the_agent_is_an_error(backend_over_fake: BackendOverFake) -> None:
    """If the agent closes the connection early, the response is 500."""
    _answers(backend_over_fake, Answer([b'{"resp'], headers=JSON, broken=True))
    response = backend_over_fake.client.post(CHAT, json={"message": "Hello"})
    assert (response.status_code, response.json()) == (500, {"error": "the AI agent broke off"})


def test_the_backend_sends_the_request_of_the_contract(backend_over_fake: BackendOverFake) -> None:
    """The backend sends the trimmed message and its model, without streaming."""
    _answers(backend_over_fake, Answer([b'{"response": " as it is\\n"}'], headers=JSON))
    response = backend_over_fake.client.post(CHAT, json={"message": "  What is\n a form? \t"})
    assert response.json()["data"]["message"] == " as it is\n"
    (request,) = backend_over_fake.agent.requests
    assert (request.method, request.target) == ("POST", "/api/generate")
    assert json.loads(request.content) == {"model": MODEL, "prompt": "What is\n a form?", "stream": False}


@pytest.mark.parametrize(
    "message",
    [
        "Hello",
        "x",
        "A" * 9_999,
        "A" * 10_000,
        " " * 5_000 + "A" * 10_000 + "\n" * 5_000,
        "<script>alert('x')</script> \\ \" % & ; -- DROP TABLE users; \x00 \x7f",
        "Grüße, 你好, مرحبا, 👩‍👩‍👧‍👦 🎉 \u200b é ﷽",
        "😀" * 10_000,
    ],
)
def test_any_text_is_answered(backend_client: httpx.Client, message: str) -> None:
    """Any text of up to 10,000 characters after trimming gets the answer of the model."""
    response = backend_client.post(CHAT, json={"message": message})
    assert response.status_code == 200
    body = response.json()
    assert body["success"] is True
    assert body["data"]["message"] == "".join(Latency().answer(message.strip(), None))
    _assert_has_time_zone(body["data"]["timestamp"])


@pytest.mark.parametrize(
    "body", [{}, {"message": ""}, {"message": " \n\t"}, {"message": None}, {"message": 7}, {"message": ["a"]}]
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_message_is_required(backend_client: httpx.Client, body: dict[str, object], stream: bool) -> None:
    """A message that is missing, empty or not a text gets 400."""
    response = backend_client.post(CHAT, json={**body, "stream": stream})
    assert (response.status_code, response.json()) == (400, {"error": "message is required"})


def test_a_message_has_at_most_10000_characters(backend_client: httpx.Client) -> None:
    """A message with one more character gets 400."""
    response = backend_client.post(CHAT, json={"message": "A" * 10_001})
    assert response.status_code == 400
    assert response.json() == {"error": "message is longer than 10000 characters"}


def test_every_accepted_message_is_recorded(
    backend_client: httpx.Client, stack: Stack, user: dict[str, Any]
) -> None:
    """The store counts the accepted messages of a user."""

    def chats() -> int:
        return read_store(stack.variables, lambda store: store.chats(user["_id"]))

    before = chats()
    backend_client.post(CHAT, json={"message": "one"})
    backend_client.post(CHAT, json={"message": ""})
    backend_client.post(CHAT, json={"message": "two", "stream": True})
    assert chats() == before + 2


@pytest.mark.parametrize("stream", [False, True])
def test_publishing_works_through_the_backend(backend_client: httpx.Client, form: str, stream: bool) -> None:
    """The agent itself answers a request to publish an existing form, also in a stream."""
    response = backend_client.post(CHAT, json={"message": f"Please publish form {form}", "stream": stream})
    if stream:
        (kind, data), (last, _) = _events(response.text)
        assert (kind, last) == ("message", "done")
    else:
        data = response.json()["data"]
    assert data["message"] == f"✅ Form {form} has been successfully published"


@pytest.mark.parametrize("message", ["Hello", "Grüße 👩‍👩‍👧‍👦"])
def test_a_stream_is_server_sent_events(backend_client: httpx.Client, message: str) -> None:
    """Each token is an event, and the last event has their number and the times."""
    response = backend_client.post(CHAT, json={"message": message, "stream": True})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["cache-control"] == "no-cache"
    *pieces, (last, done) = _events(response.text)
    assert {kind for kind, _ in pieces} == {"message"}
    assert [data["message"] for _, data in pieces] == Latency().answer(message, None)
    assert last == "done"
    assert done["tokens"] == len(pieces)
    assert set(done["timing"]) == {"queue", "load", "prefill", "decode"}
    assert all(value >= 0 for value in done["timing"].values())
    _assert_has_time_zone(done["timestamp"])


@pytest.mark.parametrize("stream", ["true", 1, None, False])
def test_only_true_starts_a_stream(backend_client: httpx.Client, stream: object) -> None:
    """Any value of `stream` other than `true` gets a complete response."""
    response = backend_client.post(CHAT, json={"message": "Hello", "stream": stream})
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer([b'{"response": "one"}\n'], headers=NDJSON, broken=True), "the AI agent broke off"),
        (Answer([b'{"response": "one"}\n', b"no JSON\n"], headers=NDJSON), "the AI agent broke off"),
        (
            Answer([b'{"response": "one"}\n', b'{"error": "no memory"}\n'], headers=NDJSON),
            "the AI agent broke off",
        ),
        (Answer([b'{"response": "one"}\n', b"[1]\n"], headers=NDJSON), "the AI agent broke off"),
        (Answer([b'{"response": "one"}\n', b"\n"], headers=NDJSON), "the AI agent did not finish"),
        (Answer([b'{"response": "one"}\n'], headers=NDJSON), "the AI agent did not finish"),
        (Answer([b'{"response": "one"}\n{"error": "x"}\n'], headers=NDJSON), "the AI agent broke off"),
    ],
)
def test_a_broken_stream_ends_with_an_error_event(
    backend_over_fake: BackendOverFake, answer: Answer, error: str
) -> None:
    """If the agent fails during a stream, the last event is an error and not `done`."""
    _answers(backend_over_fake, answer)
    response = backend_over_fake.client.post(CHAT, json={"message": "Hello", "stream": True})
    assert response.status_code == 200
    assert _events(response.text) == [("message", {"message": "one"}), ("error", {"error": error})]


def test_an_empty_line_of_a_stream_is_skipped(backend_over_fake: BackendOverFake) -> None:
    """An empty line in the stream of the agent is no event."""
    lines = b'{"response": "one"}\n\n{"done": true, "eval_count": 1}\n'
    _answers(backend_over_fake, Answer([lines], headers=NDJSON))
    response = backend_over_fake.client.post(CHAT, json={"message": "Hello", "stream": True})
    piece, (last, done) = _events(response.text)
    assert piece == ("message", {"message": "one"})
    assert (last, done["tokens"]) == ("done", 1)


def test_an_agent_that_closes_the_connection_is_an_error(backend_over_fake: BackendOverFake) -> None:
    """An agent that closes the connection without a response gives a 500."""

    def hang_up(_: object) -> Answer:
        raise ConnectionAbortedError

    backend_over_fake.agent.respond = hang_up
    for stream in (False, True):
        response = backend_over_fake.client.post(CHAT, json={"message": "Hello", "stream": stream})
        assert (response.status_code, response.json()) == (500, {"error": "the AI agent broke off"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/api/generate", 404), ("GET", CHAT, 405), ("POST", "/health", 405)],
)
def test_unknown_paths_and_methods_have_an_error_body(
    backend_client: httpx.Client, method: str, path: str, status: int
) -> None:
    """An unknown path is 404 and a wrong method 405, both with an `error`."""
    response = backend_client.request(method, path)
    assert response.status_code == status
    assert list(response.json()) == ["error"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("GET", CHAT, "POST"), ("POST", HEALTH, "GET, HEAD")]
)
def test_a_wrong_method_gets_the_allowed_methods(
    backend_client: httpx.Client, method: str, path: str, allowed: str
) -> None:
    """A 405 lists the allowed methods in `Allow`."""
    response = backend_client.request(method, path)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == set(allowed.split(", "))


def test_responses_are_counted(backend_client: httpx.Client) -> None:
    """`/metrics` counts responses by method and status."""

    def read_counts() -> dict[str, float]:
        text = backend_client.get("/metrics").text
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    ok = 'chatstack_requests_total{method="POST",status="200"}'
    bad = 'chatstack_requests_total{method="POST",status="400"}'
    before = read_counts()
    backend_client.post(CHAT, json={"message": "Hello"})
    backend_client.post(CHAT, json={"message": "Hello", "stream": True})
    backend_client.post(CHAT, json={})
    after = read_counts()
    assert after[ok] - before[ok] == 2
    assert after[bad] - before.get(bad, 0) == 1
    count = "chatstack_request_seconds_count"
    assert after[count] - before[count] == 3
    assert after["chatstack_in_flight"] == 0


def test_store_operations_are_counted(backend_client: httpx.Client) -> None:
    """They are counted by the method of the request, because health checks use the store too."""

    def read_counts() -> tuple[float, float, float]:
        text = backend_client.get("/metrics").text
        rows = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        names = ("store_operations_total", "response_bytes_total")
        post, sent = (float(rows.get(f'chatstack_{name}{{method="POST"}}', 0)) for name in names)
        return post, float(rows.get('chatstack_store_operations_total{method="GET"}', 0)), sent

    before = read_counts()
    answers = [
        backend_client.post(CHAT, json={"message": "Hello", "stream": stream}) for stream in (False, True)
    ]
    backend_client.get(HEALTH)
    post, get, sent = (after - earlier for after, earlier in zip(read_counts(), before, strict=True))
    assert (post, get) == (6, 2)
    assert sent == sum(len(answer.content) for answer in answers)


@pytest.mark.parametrize("message", ["Hello", "Which forms did I publish?"])
def test_the_tier_times_do_not_overlap(backend_client: httpx.Client, message: str) -> None:
    """A complete response has the time of each tier, and their sum is at most the response time."""
    began_s = time.perf_counter()
    response = backend_client.post(CHAT, json={"message": message})
    elapsed_s = time.perf_counter() - began_s
    parts_ms = server_timing(response)
    assert list(parts_ms) == ["auth", "backend", "agent", "queue", "load", "prefill", "decode"]
    assert sum(parts_ms.values()) <= 1000 * elapsed_s + 0.005 * len(parts_ms)


def test_a_delay_belongs_to_its_tier(stack: Stack, token: str) -> None:
    """An injected delay shows in the time of its tier only."""
    with (
        serving(
            "agent", {**stack.variables, "OLLAMA_URL": stack.model.url, "AGENT_DELAY_MS": "200"}
        ) as agent,
        serving("backend", {**stack.variables, "AGENT_URL": agent.url, "BACKEND_DELAY_MS": "100"}) as backend,
    ):
        began_s = time.perf_counter()
        response = httpx.post(
            f"{backend.url}{CHAT}",
            json={"message": "Hello"},
            headers=bearer(token),
            timeout=60,
            trust_env=False,
        )
        elapsed_ms = 1000 * (time.perf_counter() - began_s)
    parts_ms = server_timing(response)
    assert parts_ms["agent"] >= 199
    assert parts_ms["backend"] >= 99
    assert sum(parts_ms.values()) <= elapsed_ms + 0.005 * len(parts_ms)


def test_waiting_for_a_stream_is_no_time_of_the_backend(stack: Stack, token: str) -> None:
    """The wait for the first response of the agent is in no tier time of the backend."""
    with (
        serving(
            "agent", {**stack.variables, "OLLAMA_URL": stack.model.url, "AGENT_DELAY_MS": "200"}
        ) as agent,
        serving("backend", {**stack.variables, "AGENT_URL": agent.url}) as backend,
    ):
        began_s = time.perf_counter()
        response = httpx.post(
            f"{backend.url}{CHAT}",
            json={"message": "Hello", "stream": True},
            headers=bearer(token),
            timeout=60,
            trust_env=False,
        )
        elapsed_ms = 1000 * (time.perf_counter() - began_s)
    parts_ms = server_timing(response)
    assert list(parts_ms) == ["auth", "backend"]
    assert sum(parts_ms.values()) <= elapsed_ms - 199 + 0.005 * len(parts_ms)


def test_an_injected_failure_affects_messages_only(stack: Stack, token: str) -> None:
    """BACKEND_ERROR_RATIO fails messages evenly, and no health check."""
    variables = {**stack.variables, "AGENT_URL": stack.agent.url, "BACKEND_ERROR_RATIO": "0.5"}
    with (
        serving("backend", variables) as backend,
        httpx.Client(base_url=backend.url, headers=bearer(token), timeout=60, trust_env=False) as client,
    ):
        statuses = [client.post(CHAT, json={"message": "Hello"}).status_code for _ in range(6)]
        assert client.get(HEALTH).status_code == 200
    assert statuses == [500, 200] * 3
