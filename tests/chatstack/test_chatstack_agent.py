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

from chatstack.latency import Latency
from tests.chatstack.conftest import Stack
from tests.chatstack.ollamas import Answer, Ollama, fake_ollama
from tests.chatstack.stacks import (
    ENDLESS,
    MODEL,
    change,
    get_raw,
    hex_id,
    recorded,
    refusing,
    server_timing,
    serving,
)

JSON = [("Content-Type", "application/json")]
TIERS = ["agent", "queue", "load", "prefill", "decode"]


@dataclass(frozen=True)
class Between:
    """An agent and the Ollama below it, whose answers the test decides."""

    client: httpx.Client
    ollama: Ollama

    @property
    def url(self) -> str:
        """Where the agent listens."""
        return str(self.client.base_url)


@pytest.fixture(scope="module")
def below(store_variables: dict[str, str]) -> Iterator[Between]:
    """An agent over a stand-in for Ollama."""
    with (
        fake_ollama() as ollama,
        serving("agent", {**store_variables, "OLLAMA_URL": ollama.url}) as agent,
        httpx.Client(base_url=agent.url, timeout=60, trust_env=False) as client,
    ):
        yield Between(client, ollama)


@pytest.fixture
def between(below: Between) -> Between:
    """The same, with nothing seen yet."""
    below.ollama.seen.clear()
    below.ollama.answering = lambda _: Answer([b"{}"], headers=JSON)
    return below


def _always(answer: Answer) -> Callable[[object], Answer]:
    return lambda _: answer


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("target", ["/?a", "/api/show?verbose=true&q=a%20b+c%26&q=", "/a/b.c~d?x=%2F"])
def test_a_request_arrives_as_it_was_sent(between: Between, method: str, target: str) -> None:
    """Method, path, query, headers and body reach Ollama unchanged."""
    content = secrets.token_bytes(5000) if method in ("POST", "PUT", "PATCH") else b""
    headers = {"X-Trace": "abc", "Authorization": "Bearer x", "Content-Type": "application/octet-stream"}
    response = between.client.request(method, target, content=content, headers=headers)
    assert (response.status_code, response.content) == (200, b"" if method == "HEAD" else b"{}")
    (seen,) = between.ollama.seen
    assert (seen.method, seen.target, seen.content) == (method, target, content)
    names = {name.lower(): value for name, value in seen.headers}
    assert {name: names[name.lower()] for name in headers} == headers
    assert names["host"] == httpx.URL(between.ollama.url).netloc.decode()


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
def test_a_target_is_passed_on_to_the_byte(between: Between, target: str) -> None:
    """The target reaches Ollama as the client wrote it, with nothing encoded, decoded or tidied up."""
    assert get_raw(between.url, target).startswith(b"HTTP/1.1 200 ")
    assert [seen.target for seen in between.ollama.seen] == [target]


def test_no_header_is_made_up(between: Between) -> None:
    """Ollama gets no header that the client did not send, but for those of the connection."""
    get_raw(between.url, "/")
    (seen,) = between.ollama.seen
    assert {name.lower() for name, _ in seen.headers} <= {"host", "connection"}


def test_a_header_need_not_be_ascii(between: Between) -> None:
    """A header with bytes beyond ASCII reaches Ollama unchanged."""
    between.client.get("/api/tags", headers=[(b"X-Name", "né".encode("latin-1"))])
    (seen,) = between.ollama.seen
    assert ("X-Name".lower(), "né") in [(name.lower(), value) for name, value in seen.headers]


def test_a_cookie_stays_with_its_client(between: Between) -> None:
    """A cookie that Ollama gives to one client is passed on to it and never sent for another."""
    between.ollama.answering = _always(Answer([b"{}"], headers=[*JSON, ("Set-Cookie", "session=1; Path=/")]))
    for _ in range(2):
        response = httpx.get(f"{between.url}/api/tags", timeout=60, trust_env=False)
        assert response.headers["set-cookie"] == "session=1; Path=/"
    assert len(between.ollama.seen) == 2
    assert "cookie" not in {name.lower() for seen in between.ollama.seen for name, _ in seen.headers}


@pytest.mark.parametrize("status", [200, 201, 400, 404, 418, 429, 500, 503])
@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream", None])
def test_an_answer_arrives_as_it_was_given(between: Between, status: int, content_type: str | None) -> None:
    """Status, headers and bytes come from Ollama unchanged, whatever they are."""
    content = secrets.token_bytes(5000)
    headers = [("X-Trace", "abc"), *([("Content-Type", content_type)] if content_type else [])]
    between.ollama.answering = _always(Answer([content], status, headers))
    response = between.client.get("/api/tags")
    assert (response.status_code, response.content) == (status, content)
    assert response.headers["x-trace"] == "abc"
    assert response.headers.get("content-type") == content_type


def test_the_servers_own_headers_are_ollamas(between: Between) -> None:
    """Date and server of an answer are those that Ollama said, each once."""
    date = "Sun, 01 Jun 2025 12:00:00 GMT"
    between.ollama.answering = _always(Answer([b"{}"], headers=[*JSON, ("Date", date), ("Server", "ollama")]))
    response = between.client.get("/api/tags")
    assert response.headers.get_list("date") == [date]
    assert response.headers.get_list("server") == ["ollama"]


@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson"])
def test_a_packed_answer_stays_packed(between: Between, content_type: str) -> None:
    """An answer that Ollama compressed reaches the client in the same bytes, and says so."""
    packed = gzip.compress(b'{"total_duration": 1}\n')
    headers = [("Content-Type", content_type), ("Content-Encoding", "gzip")]
    between.ollama.answering = _always(Answer([packed], headers=headers))
    with between.client.stream("GET", "/api/tags") as response:
        assert b"".join(response.iter_raw()) == packed
    assert response.headers["content-encoding"] == "gzip"


def test_headers_of_the_connection_are_not_passed_on(between: Between) -> None:
    """What speaks of one connection only stays on it, in both directions."""
    between.ollama.answering = _always(
        Answer([b"x"], headers=[("Keep-Alive", "timeout=7"), ("Upgrade", "h9")])
    )
    response = between.client.get("/", headers={"Keep-Alive": "timeout=9", "TE": "trailers"})
    assert "keep-alive" not in response.headers
    assert "upgrade" not in response.headers
    names = {name.lower() for name, _ in between.ollama.seen[0].headers}
    assert not names & {"keep-alive", "te"}


def test_a_stream_comes_while_it_is_written(between: Between) -> None:
    """Each piece of a stream is passed on before the next is there."""
    read = Event()

    def parts() -> Iterator[bytes]:
        yield b'{"response": "one"}\n'
        assert read.wait(60)
        yield b'{"done": true}\n'

    between.ollama.answering = _always(Answer(parts(), headers=[("Content-Type", "application/x-ndjson")]))
    with between.client.stream("POST", "/api/generate", json={"prompt": "hi"}) as response:
        pieces = response.iter_raw()
        assert next(pieces) == b'{"response": "one"}\n'
        read.set()
        assert b"".join(pieces) == b'{"done": true}\n'
    assert response.headers["content-type"] == "application/x-ndjson"


def test_a_stream_that_breaks_is_broken_for_the_client(between: Between) -> None:
    """When Ollama breaks off after it began, the client sees a broken answer and no made-up end."""
    between.ollama.answering = _always(
        Answer([b"half"], headers=[("Content-Type", "application/x-ndjson")], broken=True)
    )
    with pytest.raises(httpx.RemoteProtocolError):
        between.client.post("/api/generate", json={"prompt": "hi"})


def test_a_document_that_breaks_is_a_bad_gateway(between: Between) -> None:
    """When Ollama breaks off a document that was not passed on yet, the answer is 502."""
    between.ollama.answering = _always(Answer([b'{"response"'], headers=JSON, broken=True))
    response = between.client.post("/api/generate", json={"prompt": "hi"})
    assert response.status_code == 502
    assert response.json() == {"error": "Ollama does not answer: RemoteProtocolError"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_ollama_it_is_a_bad_gateway(store_variables: dict[str, str], method: str) -> None:
    """When Ollama refuses connections, every call is answered 502 with an error."""
    with refusing() as nowhere, serving("agent", {**store_variables, "OLLAMA_URL": nowhere}) as agent:
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
    """When Ollama says nothing for the time-out, the answer is 504 with an error."""
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
def test_ollama_says_what_is_wrong_with_a_body(between: Between, path: str, content: bytes) -> None:
    """A body that is not understood, or holds half a character, is Ollama's to judge: it is passed on as it
    is.
    """
    between.ollama.answering = _always(Answer([b'{"error": "bad"}'], 400, JSON))
    response = between.client.post(path, content=content)
    assert (response.status_code, response.json()) == (400, {"error": "bad"})
    assert [each.content for each in between.ollama.seen] == [content]


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
def test_without_a_clear_yes_the_text_is_passed_on(
    between: Between, path: str, body: dict[str, Any], answer: Answer
) -> None:
    """The agent asks the model first, and anything but a yes with an id leaves the text to Ollama."""
    between.ollama.answering = _always(answer)
    response = between.client.post(path, json={"model": "m", **body})
    assert (response.status_code, [response.content]) == (answer.status, answer.parts)
    question, passed_on = between.ollama.seen
    asked = json.loads(question.content)
    assert (question.method, question.target) == ("POST", "/api/generate")
    assert (asked["model"], asked["format"], asked["stream"]) == ("m", "json", False)
    assert 'Message: """publish form 1"""' in asked["prompt"]
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
def test_only_the_users_last_text_asks(
    between: Between, method: str, path: str, body: dict[str, Any]
) -> None:
    """What is no prompt and no last message of the user, or no generation, never makes the agent ask."""
    between.client.request(method, path, json=body)
    (seen,) = between.ollama.seen
    assert (seen.target, json.loads(seen.content)) == (path, body)


def _asked(path: str, text: str, *, stream: bool | None) -> dict[str, Any]:
    """A body of either call; None streams by default."""
    said = {"messages": [{"role": "user", "content": text}]} if path.endswith("chat") else {"prompt": text}
    return {"model": MODEL, **said, **({} if stream is None else {"stream": stream})}


def _published(stack: Stack, form: str) -> int:
    return recorded(stack.variables, lambda store: store.publications(form))


@pytest.mark.parametrize(
    "call", [(path, stream) for path in ("/api/generate", "/api/chat") for stream in (None, True, False)]
)
@pytest.mark.parametrize(
    "words", ["Publish form {}", "please deploy form id: {} now", "REGISTER the form #{}"]
)
def test_a_form_that_there_is_is_published(
    agent_client: httpx.Client, stack: Stack, form: str, call: tuple[str, bool | None], words: str
) -> None:
    """Asked to publish a form of the store, the agent records it once and answers by itself, in the format
    of the call.
    """
    path, stream = call
    before = _published(stack, form)
    response = agent_client.post(path, json=_asked(path, words.format(form), stream=stream))
    assert _published(stack, form) == before + 1
    assert response.status_code == 200
    media_type = "application/json" if stream is False else "application/x-ndjson"
    assert response.headers["content-type"] == media_type
    assert response.text.count("\n") == 1
    answer = response.json()
    said = (
        answer["message"] if path.endswith("chat") else {"role": "assistant", "content": answer["response"]}
    )
    assert said == {"role": "assistant", "content": f"✅ Form {form} has been successfully published"}
    assert (answer["model"], answer["done"], answer["done_reason"]) == (MODEL, True, "stop")
    durations = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
    assert all(answer[each] >= 0 for each in durations)
    assert answer["eval_count"] > 0
    assert list(server_timing(response)) == TIERS


@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
def test_a_form_that_there_is_not_is_the_models_matter(
    agent_client: httpx.Client, stack: Stack, path: str
) -> None:
    """A text that names no form, or one that is not in the store, is answered by the model."""
    unknown = f"{hex_id()[:-1]}7"
    for text in ("How do I publish a form?", f"publish form {unknown}"):
        answer = agent_client.post(path, json=_asked(path, text, stream=False)).json()
        said = answer["message"]["content"] if path.endswith("chat") else answer["response"]
        assert said == "".join(Latency().answer(text, None))
    assert _published(stack, unknown) == 0


def test_a_form_that_was_removed_is_published_no_more(
    agent_client: httpx.Client, store_variables: dict[str, str]
) -> None:
    """The agent asks the store each time, so what another process changes counts at once."""
    form = f"{hex_id()}1"
    body = _asked("/api/generate", f"publish form {form}", stream=False)

    def answered() -> str:
        return str(agent_client.post("/api/generate", json=body).json()["response"])

    assert not answered().startswith("✅")
    change("forms", "add", [form], store_variables)
    assert answered().startswith("✅")
    change("forms", "remove", [form], store_variables)
    assert not answered().startswith("✅")


@pytest.mark.parametrize("text", ["Hello", "publish my form"])
@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
def test_the_tiers_shares_are_disjoint(agent_client: httpx.Client, path: str, text: str) -> None:
    """A whole answer says what agent, queue, loading, reading and writing took: together no more than all."""
    began_s = time.perf_counter()
    response = agent_client.post(path, json=_asked(path, text, stream=False))
    passed_s = time.perf_counter() - began_s
    parts_ms = server_timing(response)
    assert list(parts_ms) == TIERS
    assert sum(parts_ms.values()) <= 1000 * passed_s + 0.005 * len(parts_ms)


def test_a_stream_says_only_the_agents_share(agent_client: httpx.Client) -> None:
    """The header of a stream is sent before the model's times are known."""
    response = agent_client.post("/api/generate", json=_asked("/api/generate", "Hello", stream=True))
    assert list(server_timing(response)) == ["agent"]


@pytest.mark.parametrize("path", ["/api/tags", "/api/ps", "/api/version", "/"])
def test_the_other_calls_are_ollamas(
    agent_client: httpx.Client, model_client: httpx.Client, path: str
) -> None:
    """What does not generate reads the same at the agent as at the model."""
    through, direct = agent_client.get(path), model_client.get(path)
    assert through.status_code == direct.status_code
    assert through.headers["content-type"] == direct.headers["content-type"]
    if path != "/api/ps":  # which says the time of day
        assert through.content == direct.content


def test_an_injected_failure_is_the_agents_own(stack: Stack) -> None:
    """AGENT_ERROR_RATIO fails generations without asking Ollama, and nothing else."""
    variables = {**stack.variables, "OLLAMA_URL": stack.model.url, "AGENT_ERROR_RATIO": "1"}
    with serving("agent", variables) as agent, httpx.Client(base_url=agent.url, trust_env=False) as client:
        response = client.post("/api/generate", json=_asked("/api/generate", "Hello", stream=False))
        assert (response.status_code, response.json()) == (500, {"error": "injected failure"})
        assert client.get("/api/tags").status_code == 200


@pytest.mark.parametrize("reachable", [True, False])
def test_an_agent_may_ask_twice(store_variables: dict[str, str], reachable: bool) -> None:
    """AGENT_ASKS_TWICE sends each generation twice, passes on one answer, and nothing else is doubled."""
    body = {"model": MODEL, "prompt": "Hello"}
    with fake_ollama() as ollama, refusing() as nobody:
        url = ollama.url if reachable else nobody
        variables = {**store_variables, "OLLAMA_URL": url, "AGENT_ASKS_TWICE": "1"}
        with (
            serving("agent", variables) as agent,
            httpx.Client(base_url=agent.url, timeout=60, trust_env=False) as client,
        ):
            answer = client.post("/api/generate", json=body)
            client.get("/api/tags")
    assert answer.status_code == (200 if reachable else 502)
    seen = [(each.method, each.target) for each in ollama.seen]
    assert seen == ([("POST", "/api/generate")] * 2 + [("GET", "/api/tags")] if reachable else [])
