import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from chatstack.latency import Latency
from tests.chatstack.stacks import FAST, MODEL, serving

DURATIONS = (
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)
WHOLE = len(Latency().answer("Hello", None))
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("/api/generate", {"model": MODEL, "prompt": "Hello"}),
    ("/api/chat", {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}),
]


def _text(answer: dict[str, Any]) -> str:
    """The piece of text in an answer of either call."""
    return str(answer["message"]["content"] if "message" in answer else answer["response"])


def _assert_last(answer: dict[str, Any]) -> None:
    """The last object is done, says why, and has six whole numbers that agree."""
    assert (answer["done"], answer["done_reason"]) == (True, "stop")
    assert all(isinstance(answer[each], int) and answer[each] >= 0 for each in DURATIONS)
    parts = answer["load_duration"] + answer["prompt_eval_duration"] + answer["eval_duration"]
    assert parts <= answer["total_duration"] + 2


@pytest.mark.parametrize(("path", "body"), CALLS)
@pytest.mark.parametrize("stream", [{}, {"stream": True}])
def test_a_stream_is_one_object_a_line(
    model_client: httpx.Client, path: str, body: dict[str, Any], stream: dict[str, bool]
) -> None:
    """Unless told otherwise the model streams NDJSON: a token a line, and a last line that says done."""
    response = model_client.post(path, json={**body, **stream})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text.endswith("\n")
    *tokens, last = [json.loads(line) for line in response.text.splitlines()]
    assert [each["done"] for each in tokens] == [False] * last["eval_count"]
    assert {each["model"] for each in [*tokens, last]} == {MODEL}
    assert [_text(each) for each in tokens] == Latency().answer("Hello", None)
    assert _text(last) == ""
    _assert_last(last)


@pytest.mark.parametrize(("path", "body"), CALLS)
def test_a_whole_answer_is_one_document(model_client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    """With `stream: false` the answer is one JSON document with all text and the six durations."""
    response = model_client.post(path, json={**body, "stream": False})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert _text(answer) == "".join(Latency().answer("Hello", None))
    assert answer["prompt_eval_count"] == 2
    _assert_last(answer)


def test_chat_answers_as_the_assistant(model_client: httpx.Client) -> None:
    """`/api/chat` puts the text in a message of the assistant, and reads all messages."""
    messages = [{"role": "system", "content": "abcd"}, {"role": "user", "content": "efgh"}]
    answer = model_client.post("/api/chat", json={"model": MODEL, "messages": messages, "stream": False})
    assert answer.json()["message"]["role"] == "assistant"
    assert answer.json()["prompt_eval_count"] == len("abcd\nefgh") // 4 + 1


@pytest.mark.parametrize(
    ("limit", "tokens"), [(5, 5), (1, 1), (1000, WHOLE), (-1, WHOLE), ("5", WHOLE), (None, WHOLE)]
)
def test_num_predict_limits_the_answer(model_client: httpx.Client, limit: object, tokens: int) -> None:
    """`options.num_predict` is the most tokens; what is no positive whole number limits nothing."""
    body = {"model": MODEL, "prompt": "Hello", "stream": False, "options": {"num_predict": limit}}
    assert model_client.post("/api/generate", json=body).json()["eval_count"] == tokens


@pytest.mark.parametrize("options", [None, [], "none"])
def test_options_that_are_none_are_ignored(model_client: httpx.Client, options: object) -> None:
    """Options that are no object limit nothing."""
    body = {"model": MODEL, "prompt": "Hello", "stream": False, "options": options}
    assert model_client.post("/api/generate", json=body).json()["eval_count"] == WHOLE


@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
@pytest.mark.parametrize("model", [{"model": "gpt-7"}, {}, {"model": None}])
def test_an_unknown_model_is_not_found(
    model_client: httpx.Client, path: str, model: dict[str, object]
) -> None:
    """Any model but the one that there is, is answered 404 with its name."""
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
    """A body that is not what the call asks for is answered 400, and the answer says why; half a character
    (a lone surrogate) is no JSON, not even in a model's name.
    """
    response = model_client.post(path, content=content)
    assert (response.status_code, response.json()) == (400, {"error": message})


def test_the_other_calls_say_what_there_is(model_client: httpx.Client) -> None:
    """Tags and processes name the one model, the version is a text, and the root says that it runs."""
    (tag,) = model_client.get("/api/tags").json()["models"]
    assert (tag["name"], tag["model"]) == (MODEL, MODEL)
    (loaded,) = model_client.get("/api/ps").json()["models"]
    assert loaded["name"] == MODEL
    assert model_client.get("/api/version").json() == {"version": "0.0.0-chatstack"}
    assert model_client.get("/").text == "Ollama is running"
    assert model_client.head("/").status_code == 200
    assert model_client.get("/health").status_code == 404


def test_asked_to_extract_it_answers_json(model_client: httpx.Client) -> None:
    """With `format: json` the model answers the agent's question about a message."""
    prompt = 'Message: """please publish form 42"""'
    body = {"model": MODEL, "prompt": prompt, "format": "json", "stream": False}
    answer = model_client.post("/api/generate", json=body).json()["response"]
    assert json.loads(answer) == {"publish": True, "form_id": "42"}


def test_the_measures_are_prometheus_text(model_client: httpx.Client) -> None:
    """`/metrics` is Prometheus text with the queue's gauges, and does not count itself."""
    first = model_client.get("/metrics")
    assert first.headers["content-type"].startswith("text/plain; version=")
    assert "chatstack_queue_running 0.0" in first.text
    assert "chatstack_queue_waiting 0.0" in first.text
    assert model_client.get("/metrics").text == first.text


def test_errors_are_spread_evenly_over_the_work() -> None:
    """MODEL_ERROR_RATIO fails exactly its share of the generations and nothing else."""
    body = {"model": MODEL, "prompt": "Hello", "stream": False}
    with (
        serving("model", {**FAST, "MODEL_ERROR_RATIO": "0.25"}) as model,
        httpx.Client(base_url=model.url, timeout=60, trust_env=False) as client,
    ):
        answers = [client.post("/api/generate", json=body) for _ in range(12)]
        others = [client.get("/api/tags") for _ in range(4)]
    statuses = [each.status_code for each in answers]
    assert statuses == [200, 500, 200, 200] * 3
    assert answers[1].json() == {"error": "injected failure"}
    assert [each.status_code for each in others] == [200] * 4


def test_many_at_once_are_all_answered(model_client: httpx.Client) -> None:
    """More requests than may run at once wait for each other, and each gets its own answer."""

    def ask(number: int) -> str:
        body = {"model": MODEL, "prompt": f"number {number}", "stream": False}
        return str(model_client.post("/api/generate", json=body).json()["response"])

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(24)))
    assert answers == ["".join(Latency().answer(f"number {number}", None)) for number in range(24)]


def test_times_of_the_day_are_iso(model_client: httpx.Client) -> None:
    """`created_at` is UTC in ISO 8601 with milliseconds."""
    body = {"model": MODEL, "prompt": "Hello", "stream": False}
    created = model_client.post("/api/generate", json=body).json()["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created)
