import json
from typing import Any

import pytest

from bench.mock.json_value import value_of
from tests.mock.virtual import CHAT, MESSAGES, Client, ask, chat, text_of

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer", "minimum": 3},
        "unit": {"enum": ["c", "f"]},
        "places": {"type": "array", "items": {"$ref": "#/$defs/place"}},
    },
    "$defs": {"place": {"type": "object", "properties": {"near": {"type": ["boolean", "null"]}}}},
}
OPENAI_TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}]
ANTHROPIC_TOOLS = [{"name": "look_up", "input_schema": SCHEMA}]
BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": MESSAGES, "stream_options": {"include_usage": True}},
    "/v1/completions": {"prompt": "Say", "stream_options": {"include_usage": True}},
    "/api/chat": {"messages": MESSAGES},
    "/api/generate": {"prompt": "Say"},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 999},
}
LIMITS: dict[str, Any] = {
    CHAT: {"max_tokens": 5},
    "/v1/completions": {"max_tokens": 5},
    "/api/chat": {"options": {"num_predict": 5}},
    "/api/generate": {"options": {"num_predict": 5}},
    "/v1/messages": {"max_tokens": 5},
}


def _last(client: Client, path: str, *, stream: bool) -> dict[str, Any]:
    """Return the object that has the counts."""
    if not stream:
        return dict(client.document)
    if path.startswith("/api/"):
        return dict(client.lines[-1])
    return dict(client.events[-2] if path == "/v1/messages" else client.events[-1])


def _output_tokens(last: dict[str, Any]) -> int:
    usage = last.get("usage", {})
    return int(last.get("eval_count") or usage.get("completion_tokens") or usage["output_tokens"])


def _text(client: Client, path: str, *, stream: bool) -> str:
    """Return the complete text of an answer of any API."""
    if path.startswith("/api/"):
        objects = client.lines if stream else [client.document]
        return "".join(one["message"]["content"] if "message" in one else one["response"] for one in objects)
    if path == "/v1/messages":
        if stream:
            return "".join(
                event["delta"].get("text", "")
                for event in client.events
                if "index" in event and "delta" in event
            )
        return "".join(block.get("text", "") for block in client.document["content"])
    objects = client.events if stream else [client.document]
    choices = [one["choices"][0] for one in objects if one["choices"]]
    parts = [
        choice.get("text") or choice.get("delta", choice.get("message", {})).get("content")
        for choice in choices
    ]
    return "".join(part or "" for part in parts)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("path", "body"), [*BODIES.items()])
def test_the_count_is_the_number_of_words(path: str, body: dict[str, Any], stream: bool) -> None:
    """An answer of 31 tokens has 31 words, streamed or not, and reports 31 tokens."""
    client = ask(path, {**body, "model": "mock-n31", "stream": stream})
    assert len(_text(client, path, stream=stream).split()) == 31
    assert _output_tokens(_last(client, path, stream=stream)) == 31


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("path", "body"), [*BODIES.items()])
def test_the_limit_of_a_request_cuts_its_answer(path: str, body: dict[str, Any], stream: bool) -> None:
    """The answer has five tokens, and its reason is the length."""
    client = ask(path, {**body, "model": "mock-n31", "stream": stream, **LIMITS[path]})
    assert len(_text(client, path, stream=stream).split()) == 5
    assert _output_tokens(_last(client, path, stream=stream)) == 5
    assert b'"length"' in client.content or b'"max_tokens"' in client.content


@pytest.mark.parametrize("path", [CHAT, "/api/chat", "/v1/messages"])
@pytest.mark.parametrize("stream", [True, False])
def test_reasoning_is_counted_and_apart_from_the_text(path: str, stream: bool) -> None:
    """Three reasoning tokens come first; they are in the count of the output and not in the text."""
    body = BODIES[path]
    client = ask(path, {**body, "model": "mock-n4-reason3", "stream": stream})
    assert len(_text(client, path, stream=stream).split()) == 4
    assert _output_tokens(_last(client, path, stream=stream)) == 7
    assert b"thinking" in client.content or b'"reasoning_tokens":3' in client.content


@pytest.mark.parametrize(
    ("path", "off"),
    [
        (CHAT, {"reasoning_effort": "none"}),
        ("/api/chat", {"think": False}),
        ("/v1/messages", {"thinking": {"type": "disabled"}}),
    ],
)
def test_a_request_switches_reasoning_off(path: str, off: dict[str, object]) -> None:
    """Each API has its own field for that."""
    client = ask(path, {**BODIES[path], "model": "mock-n4-reason3", "stream": False, **off})
    assert _output_tokens(client.document) == 4


def test_usage_is_sent_when_it_is_wanted() -> None:
    """A stream of OpenAI's API has counts only on request."""
    assert all(event["choices"] for event in ask(CHAT, chat("mock-n3")).events)


def test_tool_calls_of_openai() -> None:
    """The arguments arrive in pieces that fit the tool's schema, once for each call."""
    client = ask(CHAT, chat("mock-n9-tools2", tools=OPENAI_TOOLS, stream_options={"include_usage": True}))
    arguments: dict[int, str] = {}
    for event in client.events:
        for call in event["choices"][0]["delta"].get("tool_calls", ()) if event["choices"] else ():
            arguments[call["index"]] = arguments.get(call["index"], "") + call["function"]["arguments"]
    assert [json.loads(text)["days"] for text in arguments.values()] == [3, 3]
    assert client.events[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert client.events[-1]["usage"]["completion_tokens"] == 18
    assert text_of(client.events) == ""
    message = ask(CHAT, chat("mock-n9-tools2", tools=OPENAI_TOOLS, stream=False)).document["choices"][0][
        "message"
    ]
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == [*arguments.values()]
    assert len({call["id"] for call in message["tool_calls"]}) == 2
    assert message["content"] is None


def test_tool_calls_of_ollama() -> None:
    """A call is one line with an object, after its last token."""
    lines = ask("/api/chat", {"model": "mock-n9-tools2", "messages": MESSAGES, "tools": OPENAI_TOOLS}).lines
    calls = [line["message"]["tool_calls"] for line in lines if "tool_calls" in line["message"]]
    assert [call[0]["function"]["arguments"]["unit"] for call in calls] == ["c", "c"]
    assert lines[-1]["eval_count"] == 18
    document = ask(
        "/api/chat", {"model": "mock-n9-tools2", "messages": MESSAGES, "tools": OPENAI_TOOLS, "stream": False}
    ).document
    assert len(document["message"]["tool_calls"]) == 2


def test_tool_calls_of_anthropic() -> None:
    """A call is a content block whose input arrives as pieces of JSON."""
    body = chat("mock-n9-tools", max_tokens=99, tools=ANTHROPIC_TOOLS)
    events = ask("/v1/messages", body).events
    pieces = [event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"]
    assert len(pieces) == 9
    assert json.loads("".join(pieces))["places"] == [{"near": True}]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    (block,) = ask("/v1/messages", {**body, "stream": False}).document["content"]
    assert block["input"] == json.loads("".join(pieces))


@pytest.mark.parametrize(
    ("path", "more"),
    [
        (CHAT, {"messages": [*MESSAGES, {"role": "tool", "tool_call_id": "1", "content": "{}"}]}),
        (CHAT, {"tool_choice": "none"}),
        ("/api/chat", {"messages": [*MESSAGES, {"role": "tool", "content": "{}"}]}),
        ("/v1/messages", {"tool_choice": {"type": "none"}}),
        (
            "/v1/messages",
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "{}"}]}]},
        ),
    ],
)
def test_an_agent_gets_a_text_after_its_tool_results(path: str, more: dict[str, Any]) -> None:
    """Otherwise an agent would call tools for ever; a request can forbid calls too."""
    client = ask(path, {**BODIES[path], "model": "mock-n4-tools", "stream": False, **more})
    assert len(_text(client, path, stream=False).split()) == 4


@pytest.mark.parametrize(
    ("path", "more"),
    [
        (CHAT, {"tools": OPENAI_TOOLS, "tool_choice": "required"}),
        (CHAT, {"tools": OPENAI_TOOLS, "tool_choice": {"type": "function", "function": {"name": "look_up"}}}),
        ("/v1/messages", {"tools": ANTHROPIC_TOOLS, "tool_choice": {"type": "any"}}),
    ],
)
def test_a_request_can_require_a_call(path: str, more: dict[str, Any]) -> None:
    """The model then calls a tool without a part of its name."""
    client = ask(path, {**BODIES[path], "model": "mock", "stream": False, **more})
    assert b"look_up" in client.content


@pytest.mark.parametrize(
    ("path", "more"),
    [
        (CHAT, {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}),
        (CHAT, {"response_format": {"type": "json_object"}}),
        ("/api/chat", {"format": SCHEMA}),
        ("/api/generate", {"format": "json"}),
    ],
)
@pytest.mark.parametrize("tokens", [1, 7, 300])
def test_an_answer_in_json_is_json_of_any_length(path: str, more: dict[str, Any], tokens: int) -> None:
    """The pieces of the text are the number of tokens, and together they are an object."""
    client = ask(path, {**BODIES[path], "model": f"mock-n{tokens}", "stream": True, **more})
    assert isinstance(json.loads(_text(client, path, stream=True)), dict)
    assert _output_tokens(_last(client, path, stream=True)) == tokens


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": 5}, 5),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"type": "number"}, 1),
        ({"type": "array"}, ["word"]),
        ({"$ref": "#/nowhere"}, "word"),
        ({"type": "object"}, {}),
        ("nonsense", "word"),
        ({"type": 5}, "word"),
    ],
)
def test_a_value_fits_its_schema(schema: object, value: object) -> None:
    """Types, choices and references are followed; anything else is a text."""
    assert value_of(schema, "word") == value


def test_a_schema_that_refers_to_itself_ends() -> None:
    """A tree has a limited depth."""
    tree = {"type": "object", "properties": {"child": {"$ref": "#"}}}
    assert len(json.dumps(value_of(tree, "word"))) < 1000


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (CHAT, b"", "the body is not JSON"),
        (CHAT, b"[]", "the body is not a JSON object"),
        (CHAT, b'{"model": "\\ud800"}', "the body is not JSON"),
        (CHAT, {"messages": MESSAGES}, "model must be the name of a model"),
        (CHAT, {"model": "mock", "messages": "hi"}, "messages must be a list of objects"),
        (CHAT, chat(n=2), "n must be 1: the mock model returns one choice"),
        (CHAT, chat(max_tokens=0), "max_tokens must be a whole number of at least 1"),
        ("/v1/completions", {"model": "mock", "prompt": ["a", "b"]}, "prompt must be a text"),
        ("/api/generate", {"model": "mock", "prompt": 5}, "prompt must be a text"),
        ("/v1/messages", chat(), "max_tokens: Field required"),
        ("/v1/messages", chat("mock-foo3", max_tokens=5), "unknown part 'foo3'"),
    ],
)
def test_a_wrong_request_gets_a_reason(path: str, body: object, message: str) -> None:
    """The status is 400, in the format of the API."""
    client = ask(path, body)
    assert client.status == 400
    error = client.document["error"]
    assert message in (error if isinstance(error, str) else error["message"])


@pytest.mark.parametrize("stream", [True, False])
def test_ollama_loads_a_model_without_a_prompt(stream: bool) -> None:
    """An empty request is answered at once."""
    for path in ("/api/generate", "/api/chat"):
        client = ask(path, {"model": "mock", "stream": stream})
        assert client.lines[-1]["done_reason"] == "load"
        assert client.moments_s == [0.0 if not stream else pytest.approx(0.0)]


def test_content_in_parts_is_counted() -> None:
    """Text parts of a message belong to the prompt; pictures do not."""
    parts = [{"type": "text", "text": "abcdefgh"}, {"type": "image_url", "image_url": {"url": "data:"}}]
    document = ask(CHAT, chat(stream=False, messages=[{"role": "user", "content": parts}])).document
    assert document["usage"]["prompt_tokens"] in {2, 3}
