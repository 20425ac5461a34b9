import gzip
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

import httpx
import pytest

from chatstack.engines.latency import Latency
from tests.chatstack.conftest import Stack
from tests.chatstack.ollamas import Answer, Ollama, fake_ollama
from tests.chatstack.stacks import (
    ENDLESS,
    MODEL,
    change,
    get_raw,
    hex_id,
    read_store,
    refused_address,
    server_timing,
    serving,
)

JSON = [("Content-Type", "application/json")]
TIERS = ["agent", "queue", "load", "prefill", "decode"]


@dataclass(frozen=True)
class AgentOverFake:
    """An agent over a fake Ollama, whose responses the test decides."""

    client: httpx.Client
    ollama: Ollama

    @property
    def url(self) -> str:
        """Return the address of the agent."""
        return str(self.client.base_url)


@pytest.fixture(scope="module")
def shared_agent_over_fake(store_variables: dict[str, str]) -> Iterator[AgentOverFake]:
    """Run an agent over a fake Ollama."""
    with (
        fake_ollama() as ollama,
        serving("agent", {**store_variables, "OLLAMA_URL": ollama.url}) as agent,
        httpx.Client(base_url=agent.url, timeout=60, trust_env=False) as client,
    ):
        yield AgentOverFake(client, ollama)


@pytest.fixture
def agent_over_fake(shared_agent_over_fake: AgentOverFake) -> AgentOverFake:
    """Return the shared agent; the fake Ollama answers `{}` and has received no request yet."""
    shared_agent_over_fake.ollama.requests.clear()
    shared_agent_over_fake.ollama.respond = lambda _: Answer([b"{}"], headers=JSON)
    return shared_agent_over_fake


def _always(answer: Answer) -> Callable[[object], Answer]:
    return lambda _: answer


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("target", ["/?a", "/api/show?verbose=true&q=a%20b+c%26&q=", "/a/b.c~d?x=%2F"])
def test_a_request_reaches_ollama_unchanged(agent_over_fake: AgentOverFake, method: str, target: str) -> None:
    """Method, path, query, headers and body are passed on unchanged."""
    content = secrets.token_bytes(5000) if method in ("POST", "PUT", "PATCH") else b""
    headers = {"X-Trace": "abc", "Authorization": "Bearer x", "Content-Type": "application/octet-stream"}
    response = agent_over_fake.client.request(method, target, content=content, headers=headers)
    assert (response.status_code, response.content) == (200, b"" if method == "HEAD" else b"{}")
    (request,) = agent_over_fake.ollama.requests
    assert (request.method, request.target, request.content) == (method, target, content)
    names = {name.lower(): value for name, value in request.headers}
    assert {name: names[name.lower()] for name in headers} == headers
    assert names["host"] == httpx.URL(agent_over_fake.ollama.url).netloc.decode()


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/api/tags",
        "/api/show?q='a'",
        "/a%2Fb",
        "/a%3Fb",
        "/a%20b",
        "/a%23b",
        "/a?q=%zz",
        "/A/../b?c=d?e",
    ],
)
def test_a_target_reaches_ollama_byte_for_byte(agent_over_fake: AgentOverFake, target: str) -> None:
    """The agent never encodes, decodes or normalises the target."""
    assert get_raw(agent_over_fake.url, target).startswith(b"HTTP/1.1 200 ")
    assert [request.target for request in agent_over_fake.ollama.requests] == [target]


def test_the_agent_adds_no_headers(agent_over_fake: AgentOverFake) -> None:
    """Ollama gets the headers of the client and those of the connection."""
    get_raw(agent_over_fake.url, "/")
    (request,) = agent_over_fake.ollama.requests
    assert {name.lower() for name, _ in request.headers} <= {"host", "connection"}


def test_a_header_may_contain_other_bytes_than_ascii(agent_over_fake: AgentOverFake) -> None:
    """Such a header reaches Ollama unchanged."""
    agent_over_fake.client.get("/api/tags", headers=[(b"X-Name", "né".encode("latin-1"))])
    (request,) = agent_over_fake.ollama.requests
    assert ("X-Name".lower(), "né") in [(name.lower(), value) for name, value in request.headers]


def test_a_cookie_stays_with_its_client(agent_over_fake: AgentOverFake) -> None:
    """The agent passes a cookie on to its client, and never sends it for another client."""
    agent_over_fake.ollama.respond = _always(
        Answer([b"{}"], headers=[*JSON, ("Set-Cookie", "session=1; Path=/")])
    )
    for _ in range(2):
        response = httpx.get(f"{agent_over_fake.url}/api/tags", timeout=60, trust_env=False)
        assert response.headers["set-cookie"] == "session=1; Path=/"
    assert len(agent_over_fake.ollama.requests) == 2
    assert "cookie" not in {
        name.lower() for request in agent_over_fake.ollama.requests for name, _ in request.headers
    }


@pytest.mark.parametrize("status", [200, 201, 400, 404, 418, 429, 500, 503])
@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream", None])
def test_a_response_reaches_the_client_unchanged(
    agent_over_fake: AgentOverFake, status: int, content_type: str | None
) -> None:
    """Any status, headers and bytes of Ollama are passed on unchanged."""
    content = secrets.token_bytes(5000)
    headers = [("X-Trace", "abc"), *([("Content-Type", content_type)] if content_type else [])]
    agent_over_fake.ollama.respond = _always(Answer([content], status, headers))
    response = agent_over_fake.client.get("/api/tags")
    assert (response.status_code, response.content) == (status, content)
    assert response.headers["x-trace"] == "abc"
    assert response.headers.get("content-type") == content_type


def test_date_and_server_are_those_of_ollama(agent_over_fake: AgentOverFake) -> None:
    """The response has the `Date` and `Server` headers of Ollama once."""
    date = "Sun, 01 Jun 2025 12:00:00 GMT"
    agent_over_fake.ollama.respond = _always(
        Answer([b"{}"], headers=[*JSON, ("Date", date), ("Server", "ollama")])
    )
    response = agent_over_fake.client.get("/api/tags")
    assert response.headers.get_list("date") == [date]
    assert response.headers.get_list("server") == ["ollama"]


@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson"])
def test_a_compressed_response_stays_compressed(agent_over_fake: AgentOverFake, content_type: str) -> None:
    """The client gets the compressed bytes and the `Content-Encoding` header."""
    packed = gzip.compress(b'{"total_duration": 1}\n')
    headers = [("Content-Type", content_type), ("Content-Encoding", "gzip")]
    agent_over_fake.ollama.respond = _always(Answer([packed], headers=headers))
    with agent_over_fake.client.stream("GET", "/api/tags") as response:
        assert b"".join(response.iter_raw()) == packed
    assert response.headers["content-encoding"] == "gzip"


def test_headers_of_the_connection_are_not_passed_on(agent_over_fake: AgentOverFake) -> None:
    """Hop-by-hop headers stay on their connection, in both directions."""
    agent_over_fake.ollama.respond = _always(
        Answer([b"x"], headers=[("Keep-Alive", "timeout=7"), ("Upgrade", "h9")])
    )
    response = agent_over_fake.client.get("/", headers={"Keep-Alive": "timeout=9", "TE": "trailers"})
    assert "keep-alive" not in response.headers
    assert "upgrade" not in response.headers
    names = {name.lower() for name, _ in agent_over_fake.ollama.requests[0].headers}
    assert not names & {"keep-alive", "te"}


def test_a_stream_is_passed_on_piece_by_piece(agent_over_fake: AgentOverFake) -> None:
    """The client gets each piece before Ollama writes the next one."""
    read = Event()

    def parts() -> Iterator[bytes]:
        yield b'{"response": "one"}\n'
        assert read.wait(60)
        yield b'{"done": true}\n'

    agent_over_fake.ollama.respond = _always(
        Answer(parts(), headers=[("Content-Type", "application/x-ndjson")])
    )
    with agent_over_fake.client.stream("POST", "/api/generate", json={"prompt": "hi"}) as response:
        pieces = response.iter_raw()
        assert next(pieces) == b'{"response": "one"}\n'
        read.set()
        assert b"".join(pieces) == b'{"done": true}\n'
    assert response.headers["content-type"] == "application/x-ndjson"


def test_a_broken_stream_is_broken_for_the_client(agent_over_fake: AgentOverFake) -> None:
    """The agent never invents the end of a broken stream."""
    agent_over_fake.ollama.respond = _always(
        Answer([b"half"], headers=[("Content-Type", "application/x-ndjson")], broken=True)
    )
    with pytest.raises(httpx.RemoteProtocolError):
        agent_over_fake.client.post("/api/generate", json={"prompt": "hi"})


def test_an_incomplete_document_is_a_bad_gateway(agent_over_fake: AgentOverFake) -> None:
    """If Ollama closes the connection before the end of a document, the response is 502."""
    agent_over_fake.ollama.respond = _always(Answer([b'{"response"'], headers=JSON, broken=True))
    response = agent_over_fake.client.post("/api/generate", json={"prompt": "hi"})
    assert response.status_code == 502
    assert response.json() == {"error": "Ollama does not answer: RemoteProtocolError"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_ollama_the_response_is_502(store_variables: dict[str, str], method: str) -> None:
    """If Ollama refuses connections, every call gets 502 with an error."""
    with refused_address() as address, serving("agent", {**store_variables, "OLLAMA_URL": address}) as agent:
        response = httpx.request(
            method,
            f"{agent.url}/api/generate",
            json={"prompt": "publish form 1"},
            timeout=60,
            trust_env=False,
        )
    assert response.status_code == 502
    assert response.json() == {"error": "Ollama does not answer: ConnectError"}


def test_a_silent_ollama_is_a_gateway_timeout(store_variables: dict[str, str]) -> None:
    """If Ollama does not answer within the time-out, the response is 504 with an error."""
    with (
        serving("model", ENDLESS) as model,
        serving("agent", {**store_variables, "OLLAMA_URL": model.url, "UPSTREAM_TIMEOUT_S": "0.1"}) as agent,
    ):
        body = {"model": MODEL, "prompt": "Hello", "stream": False}
        response = httpx.post(f"{agent.url}/api/generate", json=body, timeout=60, trust_env=False)
    assert response.status_code == 504
    assert response.json()["error"].endswith("Timeout")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no JSON publish",
        b"[]",
        b'"publish"',
        b"\xffpublish",
        b'{"prompt": 1, "x": "publish"}',
        pytest.param(b'{"prompt": "publish", "x": ' + b"[" * 100_000, id="too deep"),
        b'{"prompt": "publish \\ud800", "messages": [{"role": "user", "content": "publish \\ud800"}]}',
        b'{"model": "\\ud800", "prompt": "publish", "messages": [{"role": "user", "content": "publish"}]}',
    ],
)
@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
def test_ollama_judges_a_malformed_body(agent_over_fake: AgentOverFake, path: str, content: bytes) -> None:
    """The agent passes on a body that it cannot read, or that has a lone surrogate."""
    agent_over_fake.ollama.respond = _always(Answer([b'{"error": "bad"}'], 400, JSON))
    response = agent_over_fake.client.post(path, content=content)
    assert (response.status_code, response.json()) == (400, {"error": "bad"})
    assert [request.content for request in agent_over_fake.ollama.requests] == [content]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/generate", {"prompt": "publish form 1"}),
        ("/api/chat", {"messages": [{"role": "user", "content": "publish form 1"}]}),
        (
            "/api/chat",
            {
                "messages": [
                    {"role": "user", "content": "hello"},
                    "noise",
                    {"role": "user", "content": "publish form 1"},
                    {"role": "assistant", "content": "sure"},
                ]
            },
        ),
    ],
)
@pytest.mark.parametrize(
    "answer",
    [
        Answer([b'{"response": "{\\"publish\\": false}"}'], headers=JSON),
        Answer([b'{"response": "Certainly!"}'], headers=JSON),
        Answer([b'{"response": 1}'], headers=JSON),
        Answer([b'{"message": "hi"}'], headers=JSON),
        Answer([b"[]"], headers=JSON),
        Answer([b"no JSON"], headers=JSON),
        Answer([b'{"error": "server busy"}'], 503, JSON),
    ],
)
def test_without_a_complete_extraction_the_text_is_passed_on(
    agent_over_fake: AgentOverFake, path: str, body: dict[str, Any], answer: Answer
) -> None:
    """The agent asks the model first; without a yes and an id it passes the text on."""
    agent_over_fake.ollama.respond = _always(answer)
    response = agent_over_fake.client.post(path, json={"model": "m", **body})
    assert (response.status_code, [response.content]) == (answer.status, answer.parts)
    extraction, passed_on = agent_over_fake.ollama.requests
    extraction_body = json.loads(extraction.content)
    assert (extraction.method, extraction.target) == ("POST", "/api/generate")
    assert (extraction_body["model"], extraction_body["format"], extraction_body["stream"]) == (
        "m",
        "json",
        False,
    )
    assert 'Message: """publish form 1"""' in extraction_body["prompt"]
    assert (passed_on.target, json.loads(passed_on.content)) == (path, {"model": "m", **body})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/generate", {"prompt": "make a form"}),
        ("POST", "/api/generate", {"system": "publish form 1", "prompt": "hi"}),
        ("POST", "/api/chat", {"messages": []}),
        ("POST", "/api/chat", {"messages": [{"role": "system", "content": "publish form 1"}]}),
        (
            "POST",
            "/api/chat",
            {"messages": [{"role": "user", "content": "publish form 1"}, {"role": "user", "content": "no"}]},
        ),
        ("POST", "/api/show", {"prompt": "publish form 1"}),
        ("PUT", "/api/generate", {"prompt": "publish form 1"}),
    ],
)
def test_only_the_last_text_of_the_user_triggers_an_extraction(
    agent_over_fake: AgentOverFake, method: str, path: str, body: dict[str, Any]
) -> None:
    """Other messages, fields and calls never make the agent ask the model."""
    agent_over_fake.client.request(method, path, json=body)
    (request,) = agent_over_fake.ollama.requests
    assert (request.target, json.loads(request.content)) == (path, body)


def _make_body(path: str, text: str, *, stream: bool | None) -> dict[str, Any]:
    """Return a body of either call; with None it has no `stream` field."""
    text_field = (
        {"messages": [{"role": "user", "content": text}]} if path.endswith("chat") else {"prompt": text}
    )
    return {"model": MODEL, **text_field, **({} if stream is None else {"stream": stream})}


def _publications(stack: Stack, form: str) -> int:
    return read_store(stack.variables, lambda store: store.publications(form))


@pytest.mark.parametrize(
    "call", [(path, stream) for path in ("/api/generate", "/api/chat") for stream in (None, True, False)]
)
@pytest.mark.parametrize(
    "words", ["Publish form {}", "please deploy form id: {} now", "REGISTER the form #{}"]
)
def test_an_existing_form_is_published(
    agent_client: httpx.Client, stack: Stack, form: str, call: tuple[str, bool | None], words: str
) -> None:
    """The agent records the publication once, and answers by itself in the format of the call."""
    path, stream = call
    before = _publications(stack, form)
    response = agent_client.post(path, json=_make_body(path, words.format(form), stream=stream))
    assert _publications(stack, form) == before + 1
    assert response.status_code == 200
    media_type = "application/json" if stream is False else "application/x-ndjson"
    assert response.headers["content-type"] == media_type
    assert response.text.count("\n") == 1
    answer = response.json()
    message = (
        answer["message"] if path.endswith("chat") else {"role": "assistant", "content": answer["response"]}
    )
    assert message == {"role": "assistant", "content": f"✅ Form {form} has been successfully published"}
    assert (answer["model"], answer["done"], answer["done_reason"]) == (MODEL, True, "stop")
    durations = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
    assert all(answer[name] >= 0 for name in durations)
    assert answer["eval_count"] > 0
    assert list(server_timing(response)) == TIERS


@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
def test_a_request_for_a_missing_form_goes_to_the_model(
    agent_client: httpx.Client, stack: Stack, path: str
) -> None:
    """A text without a form, or with a form that the store lacks, is answered by the model."""
    unknown = f"{hex_id()[:-1]}7"
    for text in ("How do I publish a form?", f"publish form {unknown}"):
        answer = agent_client.post(path, json=_make_body(path, text, stream=False)).json()
        reply = answer["message"]["content"] if path.endswith("chat") else answer["response"]
        assert reply == "".join(Latency().answer(text, None))
    assert _publications(stack, unknown) == 0


def test_a_removed_form_is_not_published(agent_client: httpx.Client, store_variables: dict[str, str]) -> None:
    """The agent reads the store for each request, so changes of another process count at once."""
    form = f"{hex_id()}1"
    body = _make_body("/api/generate", f"publish form {form}", stream=False)

    def get_answer() -> str:
        return str(agent_client.post("/api/generate", json=body).json()["response"])

    assert not get_answer().startswith("✅")
    change("forms", "add", [form], store_variables)
    assert get_answer().startswith("✅")
    change("forms", "remove", [form], store_variables)
    assert not get_answer().startswith("✅")


@pytest.mark.parametrize("text", ["Hello", "publish my form"])
@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
def test_the_tier_times_do_not_overlap(agent_client: httpx.Client, path: str, text: str) -> None:
    """A complete response has the time of each tier, and their sum is at most the response time."""
    began_s = time.perf_counter()
    response = agent_client.post(path, json=_make_body(path, text, stream=False))
    elapsed_s = time.perf_counter() - began_s
    parts_ms = server_timing(response)
    assert list(parts_ms) == TIERS
    assert sum(parts_ms.values()) <= 1000 * elapsed_s + 0.005 * len(parts_ms)


def test_a_stream_has_only_the_tier_time_of_the_agent(agent_client: httpx.Client) -> None:
    """The header of a stream is sent before the times of the model are known."""
    response = agent_client.post("/api/generate", json=_make_body("/api/generate", "Hello", stream=True))
    assert list(server_timing(response)) == ["agent"]


@pytest.mark.parametrize("path", ["/api/tags", "/api/ps", "/api/version", "/"])
def test_other_calls_return_the_response_of_ollama(
    agent_client: httpx.Client, model_client: httpx.Client, path: str
) -> None:
    """Calls that do not generate return the same from the agent and from the model."""
    through, direct = agent_client.get(path), model_client.get(path)
    assert through.status_code == direct.status_code
    assert through.headers["content-type"] == direct.headers["content-type"]
    if path != "/api/ps":  # its response contains the time
        assert through.content == direct.content


def test_an_injected_failure_never_reaches_ollama(stack: Stack) -> None:
    """AGENT_ERROR_RATIO fails generations without a request to Ollama, and no other call."""
    variables = {**stack.variables, "OLLAMA_URL": stack.model.url, "AGENT_ERROR_RATIO": "1"}
    with serving("agent", variables) as agent, httpx.Client(base_url=agent.url, trust_env=False) as client:
        response = client.post("/api/generate", json=_make_body("/api/generate", "Hello", stream=False))
        assert (response.status_code, response.json()) == (500, {"error": "injected failure"})
        assert client.get("/api/tags").status_code == 200


@pytest.mark.parametrize("reachable", [True, False])
def test_agent_asks_twice_doubles_generations_only(store_variables: dict[str, str], reachable: bool) -> None:
    """AGENT_ASKS_TWICE sends each generation twice and passes on one response."""
    body = {"model": MODEL, "prompt": "Hello"}
    with fake_ollama() as ollama, refused_address() as refused:
        url = ollama.url if reachable else refused
        variables = {**store_variables, "OLLAMA_URL": url, "AGENT_ASKS_TWICE": "1"}
        with (
            serving("agent", variables) as agent,
            httpx.Client(base_url=agent.url, timeout=60, trust_env=False) as client,
        ):
            answer = client.post("/api/generate", json=body)
            client.get("/api/tags")
    assert answer.status_code == (200 if reachable else 502)
    targets = [(request.method, request.target) for request in ollama.requests]
    assert targets == ([("POST", "/api/generate")] * 2 + [("GET", "/api/tags")] if reachable else [])
