import asyncio
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from bench.mock.api_format import GenerationTimes
from chatstack.engines.engine import EngineError
from chatstack.engines.llama_cpp import LlamaEngine
from tests.chatstack.stacks import assert_usage_error, run
from tests.measure.loopback import Requests, Script, response, server, streamed

TIMINGS = {"prompt_ms": 200.0, "predicted_ms": 300.0}
USAGE = {"prompt_tokens": 7, "completion_tokens": 2}


def _data(content: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(content)}\n\n".encode()


def _piece(text: str | None) -> bytes:
    return _data({"choices": [{"delta": {"content": text}}]})


LAST = _data({"choices": [], "usage": USAGE, "timings": TIMINGS}) + b"data: [DONE]\n\n"


def _generate(
    script: bytes | Script, body: Mapping[str, Any] | None = None, most_tokens: int = 0
) -> tuple[list[str], Any, GenerationTimes, Requests]:
    """Generate with llama.cpp's server replaced by a script."""

    async def work() -> tuple[list[str], Any, GenerationTimes, Requests]:
        async with server([script]) as (url, requests):
            engine = LlamaEngine(SimpleNamespace(listening_address=url), most_tokens)
            planned = engine.plan(body or {}, "Hi")
            times = GenerationTimes(arrived_s=asyncio.get_running_loop().time() - 10.0)
            try:
                tokens = [token async for token in planned.generate(times)]
            finally:
                await engine.close()
            return tokens, planned, times, requests

    return asyncio.run(work())


def test_the_durations_are_those_of_llama_cpp() -> None:
    """The engine reports llama.cpp's counts and durations, and the rest of the time is waiting."""
    tokens, work, times, _ = _generate(streamed(_piece(None), _piece("A"), _piece(" form"), LAST))
    assert tokens == ["", "A", " form"]
    assert (work.prompt_tokens, work.output_tokens) == (7, 2)
    assert times.finished_s - times.prefilled_s == pytest.approx(0.3)
    assert times.prefilled_s - times.started_s == pytest.approx(0.2)
    assert times.started_s - times.arrived_s > 9.0


@pytest.mark.parametrize(
    ("body", "most_tokens", "limit"),
    [
        ({}, 0, None),
        ({"options": {"num_predict": 5}}, 0, 5),
        ({"options": {"num_predict": 5}}, 3, 3),
        ({"options": {"num_predict": -1}}, 3, 3),
        ({"options": {"num_predict": -1}}, 0, None),
        ({"options": None}, 9, 9),
    ],
)
def test_the_shortest_limit_applies(body: Mapping[str, Any], most_tokens: int, limit: int | None) -> None:
    """The limit is the smaller one of the request's and the server's."""
    *_, requests = _generate(streamed(_piece("A"), LAST), body, most_tokens)
    (asked,) = requests.bodies
    content = json.loads(asked)
    assert content.get("max_tokens") == limit
    assert content["messages"] == [{"role": "user", "content": "Hi"}]


def test_the_messages_and_the_format_of_a_request_are_passed_on() -> None:
    """A chat keeps its messages, and `format: json` asks for an object."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    body = {"messages": messages, "format": "json", "options": {"temperature": 0, "seed": 4, "mirostat": 2}}
    *_, requests = _generate(streamed(_piece("{}"), LAST), body)
    content = json.loads(requests.bodies[0])
    assert content["messages"] == messages
    assert content["response_format"] == {"type": "json_object"}
    assert (content["temperature"], content["seed"]) == (0, 4)
    assert "mirostat" not in content


@pytest.mark.parametrize(
    ("script", "status", "message"),
    [
        (response(b'{"error": {"message": "too long"}}', "400 Bad Request"), 400, "too long"),
        (response(b"oops", "500 Internal Server Error"), 500, "llama.cpp refused the request"),
        (streamed(_piece("A"), whole=False), 500, "llama.cpp broke off"),
        (streamed(_piece("A")), 500, "llama.cpp broke off"),
        (streamed(_piece("A"), _data({"error": {"message": "no memory"}})), 500, "no memory"),
    ],
)
def test_an_answer_without_an_end_is_an_error(script: bytes | Script, status: int, message: str) -> None:
    """A refusal, a broken stream and an error inside a stream have a status and a reason."""
    with pytest.raises(EngineError, match=message) as raised:
        _generate(script)
    assert raised.value.status == status


def test_an_unknown_engine_is_refused() -> None:
    """The message lists the engines."""
    done = run(["model", "--engine", "gpt"], {})
    message = "chatstack model --engine gpt: MODEL_ENGINE=gpt: not one of simulated, llama-cpp"
    assert_usage_error(done, message)
