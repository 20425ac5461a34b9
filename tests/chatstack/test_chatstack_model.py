import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from chatstack.engines.latency import Latency
from tests.chatstack.stacks import FAST, MODEL, serving

DURATIONS = (
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)
ALL_TOKENS = len(Latency().answer("Hello", None))
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("/api/generate", {"model": MODEL, "prompt": "Hello"}),
    ("/api/chat", {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}),
]


def _text(answer: dict[str, Any]) -> str:
    """Return the text in a response of either call."""
    return str(answer["message"]["content"] if "message" in answer else answer["response"])


def _assert_last(answer: dict[str, Any]) -> None:
    """Check that the last object is done and has six consistent integers."""
    assert (answer["done"], answer["done_reason"]) == (True, "stop")
    assert all(isinstance(answer[name], int) and answer[name] >= 0 for name in DURATIONS)
    parts = answer["load_duration"] + answer["prompt_eval_duration"] + answer["eval_duration"]
    assert parts <= answer["total_duration"] + 2


@pytest.mark.parametrize(("path", "body"), CALLS)
@pytest.mark.parametrize("stream", [{}, {"stream": True}])
def test_a_stream_has_one_object_per_line(
    model_client: httpx.Client, path: str, body: dict[str, Any], stream: dict[str, bool]
) -> None:
    """Without `stream: false` the model streams NDJSON: one token per line, and a last line with `done`."""
    response = model_client.post(path, json={**body, **stream})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text.endswith("\n")
    *tokens, last = [json.loads(line) for line in response.text.splitlines()]
    assert [line["done"] for line in tokens] == [False] * last["eval_count"]
    assert {line["model"] for line in [*tokens, last]} == {MODEL}
    assert [_text(line) for line in tokens] == Latency().answer("Hello", None)
    assert _text(last) == ""
    _assert_last(last)


@pytest.mark.parametrize(("path", "body"), CALLS)
def test_a_complete_response_is_one_document(
    model_client: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    """With `stream: false` the response is one JSON document with the text and the six durations."""
    response = model_client.post(path, json={**body, "stream": False})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert _text(answer) == "".join(Latency().answer("Hello", None))
    assert answer["prompt_eval_count"] == 2
    _assert_last(answer)


def test_chat_answers_as_the_assistant(model_client: httpx.Client) -> None:
    """`/api/chat` returns a message of the assistant, and counts the tokens of all messages."""
    messages = [{"role": "system", "content": "abcd"}, {"role": "user", "content": "efgh"}]
    answer = model_client.post("/api/chat", json={"model": MODEL, "messages": messages, "stream": False})
    assert answer.json()["message"]["role"] == "assistant"
    assert answer.json()["prompt_eval_count"] == len("abcd\nefgh") // 4 + 1


@pytest.mark.parametrize(
    ("limit", "tokens"),
    [(5, 5), (1, 1), (1000, ALL_TOKENS), (-1, ALL_TOKENS), ("5", ALL_TOKENS), (None, ALL_TOKENS)],
)
def test_num_predict_limits_the_response(model_client: httpx.Client, limit: object, tokens: int) -> None:
    """`options.num_predict` is the maximum number of tokens; any other value is no limit."""
    body = {"model": MODEL, "prompt": "Hello", "stream": False, "options": {"num_predict": limit}}
    assert model_client.post("/api/generate", json=body).json()["eval_count"] == tokens


@pytest.mark.parametrize("options", [None, [], "none"])
def test_malformed_options_are_ignored(model_client: httpx.Client, options: object) -> None:
    """Options that are not an object limit no response."""
    body = {"model": MODEL, "prompt": "Hello", "stream": False, "options": options}
    assert model_client.post("/api/generate", json=body).json()["eval_count"] == ALL_TOKENS


@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
@pytest.mark.parametrize("model", [{"model": "gpt-7"}, {}, {"model": None}])
def test_an_unknown_model_is_not_found(
    model_client: httpx.Client, path: str, model: dict[str, object]
) -> None:
    """The response to an unknown model is 404 with the name of the model."""
    response = model_client.post(path, json={"prompt": "Hello", "messages": [], **model})
    assert response.status_code == 404
    assert response.json() == {"error": f"model '{model.get('model')}' not found"}


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("/api/generate", b"", "the body is not JSON"),
        ("/api/generate", b"{", "the body is not JSON"),
        ("/api/generate", b"\xff", "the body is not JSON"),
        pytest.param("/api/generate", b"[" * 100_000, "the body is not JSON", id="too deep"),
        ("/api/generate", b'{"model": "\\ud800"}', "the body is not JSON"),
        ("/api/generate", b"[]", "the body is not a JSON object"),
        ("/api/generate", b'"text"', "the body is not a JSON object"),
        pytest.param("/api/generate", b" " * (1024 * 1024 + 1), "the body is too large", id="too large"),
        ("/api/generate", b'{"prompt": 1}', "prompt must be a text"),
        ("/api/chat", b"{}", "messages must be a list of objects"),
        ("/api/chat", b'{"messages": "hi"}', "messages must be a list of objects"),
        ("/api/chat", b'{"messages": ["hi"]}', "messages must be a list of objects"),
    ],
)
def test_a_bad_body_is_a_bad_request(
    model_client: httpx.Client, path: str, content: bytes, message: str
) -> None:
    """The response to a malformed body is 400 and names the problem; a lone surrogate is not JSON."""
    response = model_client.post(path, content=content)
    assert (response.status_code, response.json()) == (400, {"error": message})


def test_the_other_calls_describe_the_model(model_client: httpx.Client) -> None:
    """Tags and processes list the one model, and the version and the root are fixed texts."""
    (tag,) = model_client.get("/api/tags").json()["models"]
    assert (tag["name"], tag["model"]) == (MODEL, MODEL)
    (loaded,) = model_client.get("/api/ps").json()["models"]
    assert loaded["name"] == MODEL
    assert model_client.get("/api/version").json() == {"version": "0.0.0-chatstack"}
    assert model_client.get("/").text == "Ollama is running"
    assert model_client.head("/").status_code == 200
    assert model_client.get("/health").status_code == 404


def test_format_json_returns_json(model_client: httpx.Client) -> None:
    """With `format: json` the model answers the extraction prompt of the agent."""
    prompt = 'Message: """please publish form 42"""'
    body = {"model": MODEL, "prompt": prompt, "format": "json", "stream": False}
    answer = model_client.post("/api/generate", json=body).json()["response"]
    assert json.loads(answer) == {"publish": True, "form_id": "42"}


def test_metrics_are_prometheus_text(model_client: httpx.Client) -> None:
    """`/metrics` has the gauges of the queue, and does not count requests of itself."""
    first = model_client.get("/metrics")
    assert first.headers["content-type"].startswith("text/plain; version=")
    assert "chatstack_queue_running 0.0" in first.text
    assert "chatstack_queue_waiting 0.0" in first.text
    assert model_client.get("/metrics").text == first.text


def test_injected_errors_are_spread_evenly() -> None:
    """MODEL_ERROR_RATIO fails exactly its share of the generations, and no other request."""
    body = {"model": MODEL, "prompt": "Hello", "stream": False}
    with (
        serving("model", {**FAST, "MODEL_ERROR_RATIO": "0.25"}) as model,
        httpx.Client(base_url=model.url, timeout=60, trust_env=False) as client,
    ):
        generations = [client.post("/api/generate", json=body) for _ in range(12)]
        other_responses = [client.get("/api/tags") for _ in range(4)]
    statuses = [response.status_code for response in generations]
    assert statuses == [200, 500, 200, 200] * 3
    assert generations[1].json() == {"error": "injected failure"}
    assert [response.status_code for response in other_responses] == [200] * 4


def test_concurrent_requests_get_their_own_responses(model_client: httpx.Client) -> None:
    """Requests above the parallel limit wait, and each gets its own response."""

    def generate(number: int) -> str:
        body = {"model": MODEL, "prompt": f"number {number}", "stream": False}
        return str(model_client.post("/api/generate", json=body).json()["response"])

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(generate, range(24)))
    assert answers == ["".join(Latency().answer(f"number {number}", None)) for number in range(24)]


def test_created_at_is_iso_8601(model_client: httpx.Client) -> None:
    """`created_at` is in UTC with milliseconds."""
    body = {"model": MODEL, "prompt": "Hello", "stream": False}
    created = model_client.post("/api/generate", json=body).json()["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created)
