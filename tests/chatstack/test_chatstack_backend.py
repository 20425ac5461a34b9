import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest

from chatstack.latency import Latency
from tests.chatstack.conftest import Stack
from tests.chatstack.ollamas import Answer, Ollama, fake_ollama
from tests.chatstack.stacks import (
    ENDLESS,
    MODEL,
    bearer,
    mint,
    recorded,
    refusing,
    server_timing,
    serving,
)

CHAT = "/api/chat/ask-dynaform"
HEALTH = "/api/chat/health"
JSON = [("Content-Type", "application/json")]
NDJSON = [("Content-Type", "application/x-ndjson")]


def _events(text: str) -> list[tuple[str, Any]]:
    """Server-sent events: their type and their data."""
    assert text.endswith("\n\n")
    found: list[tuple[str, Any]] = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((fields.get("event", "message"), json.loads(fields["data"])))
    return found


def _assert_iso(text: str) -> None:
    assert datetime.fromisoformat(text).tzinfo is not None


@dataclass(frozen=True)
class Above:
    """A backend and what is below it, whose answers the test decides."""

    client: httpx.Client
    agent: Ollama


@pytest.fixture(scope="module")
def over_fake(store_variables: dict[str, str], user: dict[str, Any]) -> Iterator[Above]:
    """A backend over a stand-in for the agent."""
    headers = bearer(mint(store_variables["JWT_SECRET"], user))
    with (
        fake_ollama() as agent,
        serving("backend", {**store_variables, "AGENT_URL": agent.url}) as backend,
        httpx.Client(base_url=backend.url, headers=headers, timeout=60, trust_env=False) as client,
    ):
        yield Above(client, agent)


@pytest.fixture
def above(over_fake: Above) -> Above:
    """The same, with nothing seen yet."""
    over_fake.agent.seen.clear()
    return over_fake


def _answers(above: Above, answer: Answer) -> None:
    above.agent.answering = lambda _: answer


def test_the_backend_is_healthy_by_itself(stack: Stack) -> None:
    """`/health` needs no token."""
    response = httpx.get(f"{stack.backend.url}/health", trust_env=False)
    assert response.status_code == 200
    body = response.json()
    assert (body["success"], body["message"]) == (True, "the backend is running")
    _assert_iso(body["timestamp"])


def test_chat_is_healthy_when_the_agent_answers(asking: httpx.Client) -> None:
    """`/api/chat/health` is 200 when the agent's `/api/tags` answers."""
    response = asking.get(HEALTH)
    assert (response.status_code, response.json()["success"]) == (200, True)


@pytest.mark.parametrize("status", [404, 500, 503])
def test_chat_is_unhealthy_when_the_agent_says_so(above: Above, status: int) -> None:
    """`/api/chat/health` is 503 when the agent's `/api/tags` answers with an error."""
    _answers(above, Answer([b"{}"], status, JSON))
    response = above.client.get(HEALTH)
    assert (response.status_code, response.json()) == (503, {"error": "the AI agent does not answer"})
    (seen,) = above.agent.seen
    assert (seen.method, seen.target) == ("GET", "/api/tags")


@pytest.mark.parametrize("stream", [False, True])
def test_an_agent_that_refuses_is_unavailable(stack: Stack, token: str, stream: bool) -> None:
    """When the agent refuses connections, chat and its health are 503 and the backend is healthy."""
    with (
        refusing() as nowhere,
        serving("backend", {**stack.variables, "AGENT_URL": nowhere}) as backend,
        httpx.Client(base_url=backend.url, headers=bearer(token), timeout=60, trust_env=False) as client,
    ):
        chat = client.post(CHAT, json={"message": "Hello", "stream": stream})
        assert (chat.status_code, chat.json()) == (503, {"error": "the AI agent is not available"})
        assert client.get(HEALTH).status_code == 503
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_agent_is_a_timeout(store_variables: dict[str, str], token: str, stream: bool) -> None:
    """When the agent does not answer in UPSTREAM_TIMEOUT_S, the answer is 408."""
    with ExitStack() as services:
        model = services.enter_context(serving("model", ENDLESS))
        if stream:  # a stream that runs has begun, so only one that waits can be late
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
def test_the_agents_errors_become_ours(above: Above, status: int, answered: int, stream: bool) -> None:
    """The agent's 4xx is passed on with its status, and all else is 500."""
    _answers(above, Answer([b'{"error": "theirs"}'], status, JSON))
    response = above.client.post(CHAT, json={"message": "Hello", "stream": stream})
    assert response.status_code == answered
    assert response.json() == {"error": "the AI agent could not answer"}


@pytest.mark.parametrize("content", [b"{}", b"[]", b"no JSON", b'{"response": 7}', b'{"message": "hi"}'])
def test_an_answer_without_a_text_is_an_error(above: Above, content: bytes) -> None:
    """When the agent's answer has no text, the answer is 500."""
    _answers(above, Answer([content], headers=JSON))
    response = above.client.post(CHAT, json={"message": "Hello"})
    assert (response.status_code, response.json()) == (500, {"error": "the AI agent could not answer"})


def test_an_agent_that_breaks_off_is_an_error(above: Above) -> None:
    """When the agent's answer breaks off, the answer is 500."""
    _answers(above, Answer([b'{"resp'], headers=JSON, broken=True))
    response = above.client.post(CHAT, json={"message": "Hello"})
    assert (response.status_code, response.json()) == (500, {"error": "the AI agent broke off"})


def test_the_agent_is_asked_as_the_contract_says(above: Above) -> None:
    """The backend asks for a whole answer to the trimmed message, of its model."""
    _answers(above, Answer([b'{"response": " as it is\\n"}'], headers=JSON))
    response = above.client.post(CHAT, json={"message": "  What is\n a form? \t"})
    assert response.json()["data"]["message"] == " as it is\n"
    (seen,) = above.agent.seen
    assert (seen.method, seen.target) == ("POST", "/api/generate")
    assert json.loads(seen.content) == {"model": MODEL, "prompt": "What is\n a form?", "stream": False}


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
def test_any_text_is_answered(asking: httpx.Client, message: str) -> None:
    """Any text of up to 10,000 characters after trimming, in any script, gets the model's answer to it."""
    response = asking.post(CHAT, json={"message": message})
    assert response.status_code == 200
    body = response.json()
    assert body["success"] is True
    assert body["data"]["message"] == "".join(Latency().answer(message.strip(), None))
    _assert_iso(body["data"]["timestamp"])


@pytest.mark.parametrize(
    "body", [{}, {"message": ""}, {"message": " \n\t"}, {"message": None}, {"message": 7}, {"message": ["a"]}]
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_message_is_required(asking: httpx.Client, body: dict[str, object], stream: bool) -> None:
    """A message that is missing, empty or not a text is a bad request."""
    response = asking.post(CHAT, json={**body, "stream": stream})
    assert (response.status_code, response.json()) == (400, {"error": "message is required"})


def test_a_message_has_10000_characters_at_most(asking: httpx.Client) -> None:
    """One character more is a bad request."""
    response = asking.post(CHAT, json={"message": "A" * 10_001})
    assert response.status_code == 400
    assert response.json() == {"error": "message is longer than 10000 characters"}


def test_every_accepted_message_is_noted(asking: httpx.Client, stack: Stack, user: dict[str, Any]) -> None:
    """The store counts the messages of a user, and only those that were accepted."""

    def chats() -> int:
        return recorded(stack.variables, lambda store: store.chats(user["_id"]))

    before = chats()
    asking.post(CHAT, json={"message": "one"})
    asking.post(CHAT, json={"message": ""})
    asking.post(CHAT, json={"message": "two", "stream": True})
    assert chats() == before + 2


@pytest.mark.parametrize("stream", [False, True])
def test_publishing_works_through_the_backend(asking: httpx.Client, form: str, stream: bool) -> None:
    """A message that asks to publish a form that there is, is answered by the agent itself, in a stream as
    well.
    """
    response = asking.post(CHAT, json={"message": f"Please publish form {form}", "stream": stream})
    if stream:
        (kind, data), (last, _) = _events(response.text)
        assert (kind, last) == ("message", "done")
    else:
        data = response.json()["data"]
    assert data["message"] == f"✅ Form {form} has been successfully published"


@pytest.mark.parametrize("message", ["Hello", "Grüße 👩‍👩‍👧‍👦"])
def test_a_stream_is_server_sent_events(asking: httpx.Client, message: str) -> None:
    """With `stream: true` each piece is an event, and the last says their number and what took time."""
    response = asking.post(CHAT, json={"message": message, "stream": True})
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
    _assert_iso(done["timestamp"])


@pytest.mark.parametrize("stream", ["true", 1, None, False])
def test_only_true_streams(asking: httpx.Client, stream: object) -> None:
    """Streaming is opt-in: anything but `true` gets the whole answer."""
    response = asking.post(CHAT, json={"message": "Hello", "stream": stream})
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
def test_a_stream_that_breaks_says_so(above: Above, answer: Answer, error: str) -> None:
    """When the agent breaks off after it began, the last event is an error and none says done."""
    _answers(above, answer)
    response = above.client.post(CHAT, json={"message": "Hello", "stream": True})
    assert response.status_code == 200
    assert _events(response.text) == [("message", {"message": "one"}), ("error", {"error": error})]


def test_an_empty_line_of_a_stream_is_no_piece(above: Above) -> None:
    """A line of the agent's stream that says nothing is passed over, and the stream ends as it should."""
    lines = b'{"response": "one"}\n\n{"done": true, "eval_count": 1}\n'
    _answers(above, Answer([lines], headers=NDJSON))
    response = above.client.post(CHAT, json={"message": "Hello", "stream": True})
    piece, (last, done) = _events(response.text)
    assert piece == ("message", {"message": "one"})
    assert (last, done["tokens"]) == ("done", 1)


def test_an_agent_that_says_nothing_at_all_broke_off(above: Above) -> None:
    """An agent that hangs up before it answers is an error, streaming or not."""

    def hang_up(_: object) -> Answer:
        raise ConnectionAbortedError

    above.agent.answering = hang_up
    for stream in (False, True):
        response = above.client.post(CHAT, json={"message": "Hello", "stream": stream})
        assert (response.status_code, response.json()) == (500, {"error": "the AI agent broke off"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/api/generate", 404), ("GET", CHAT, 405), ("POST", "/health", 405)],
)
def test_what_there_is_not_is_an_error_too(asking: httpx.Client, method: str, path: str, status: int) -> None:
    """Paths and methods that there are not get a body like every error."""
    response = asking.request(method, path)
    assert response.status_code == status
    assert list(response.json()) == ["error"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("GET", CHAT, "POST"), ("POST", HEALTH, "GET, HEAD")]
)
def test_a_wrong_method_is_told_the_right_ones(
    asking: httpx.Client, method: str, path: str, allowed: str
) -> None:
    """The answer 405 names in `Allow` the methods that there are."""
    response = asking.request(method, path)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == set(allowed.split(", "))


def test_answers_are_counted(asking: httpx.Client) -> None:
    """`/metrics` is Prometheus text that counts answers by method and status."""

    def counted() -> dict[str, float]:
        text = asking.get("/metrics").text
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    ok = 'chatstack_requests_total{method="POST",status="200"}'
    bad = 'chatstack_requests_total{method="POST",status="400"}'
    before = counted()
    asking.post(CHAT, json={"message": "Hello"})
    asking.post(CHAT, json={"message": "Hello", "stream": True})
    asking.post(CHAT, json={})
    after = counted()
    assert after[ok] - before[ok] == 2
    assert after[bad] - before.get(bad, 0) == 1
    count = "chatstack_request_seconds_count"
    assert after[count] - before[count] == 3
    assert after["chatstack_in_flight"] == 0


def test_what_is_asked_of_the_database_is_counted(asking: httpx.Client) -> None:
    """By the method of the request that needed it: health checks ask too, and are no messages."""

    def counted() -> tuple[float, float, float]:
        text = asking.get("/metrics").text
        rows = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        names = ("store_operations_total", "response_bytes_total")
        post, sent = (float(rows.get(f'chatstack_{name}{{method="POST"}}', 0)) for name in names)
        return post, float(rows.get('chatstack_store_operations_total{method="GET"}', 0)), sent

    before = counted()
    answers = [asking.post(CHAT, json={"message": "Hello", "stream": stream}) for stream in (False, True)]
    asking.get(HEALTH)
    post, get, sent = (now - then for now, then in zip(counted(), before, strict=True))
    assert (post, get) == (6, 2)
    assert sent == sum(len(answer.content) for answer in answers)


@pytest.mark.parametrize("message", ["Hello", "Which forms did I publish?"])
def test_the_tiers_shares_are_disjoint(asking: httpx.Client, message: str) -> None:
    """A whole answer says what each tier took, together no more than the client waited."""
    began_s = time.perf_counter()
    response = asking.post(CHAT, json={"message": message})
    passed_s = time.perf_counter() - began_s
    parts_ms = server_timing(response)
    assert list(parts_ms) == ["auth", "backend", "agent", "queue", "load", "prefill", "decode"]
    assert sum(parts_ms.values()) <= 1000 * passed_s + 0.005 * len(parts_ms)


def test_a_delay_is_the_delayed_tiers_own(stack: Stack, token: str) -> None:
    """What delays a tier on purpose is seen in its share and in no other's."""
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
        passed_ms = 1000 * (time.perf_counter() - began_s)
    parts_ms = server_timing(response)
    assert parts_ms["agent"] >= 199
    assert parts_ms["backend"] >= 99
    assert sum(parts_ms.values()) <= passed_ms + 0.005 * len(parts_ms)


def test_waiting_for_a_stream_is_not_the_backends_own(stack: Stack, token: str) -> None:
    """What the backend waits for the agent before a stream begins is in none of its shares."""
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
        passed_ms = 1000 * (time.perf_counter() - began_s)
    parts_ms = server_timing(response)
    assert list(parts_ms) == ["auth", "backend"]
    assert sum(parts_ms.values()) <= passed_ms - 199 + 0.005 * len(parts_ms)


def test_an_injected_failure_is_the_backends_own(stack: Stack, token: str) -> None:
    """BACKEND_ERROR_RATIO fails messages evenly, and nothing else."""
    variables = {**stack.variables, "AGENT_URL": stack.agent.url, "BACKEND_ERROR_RATIO": "0.5"}
    with (
        serving("backend", variables) as backend,
        httpx.Client(base_url=backend.url, headers=bearer(token), timeout=60, trust_env=False) as client,
    ):
        statuses = [client.post(CHAT, json={"message": "Hello"}).status_code for _ in range(6)]
        assert client.get(HEALTH).status_code == 200
    assert statuses == [500, 200] * 3
