import asyncio
from typing import Any

import pytest

from bench.core.config.quick_load import parse_headers
from bench.core.response.interfaces import describe_interface
from bench.errors import ConfigError, TargetError
from bench.measure.http.route import DIRECT
from bench.usecases.recognise import Caller, Recognised, recognise
from tests import chat_services
from tests.chat_services import Answer, Call, Respond, Service, document, serve

SHAPES = {
    "openai-chat": (chat_services.openai_chat, "/v1/chat/completions"),
    "openai-completions": (chat_services.openai_completions, "/v1/completions"),
    "openai-responses": (chat_services.openai_responses, "/v1/responses"),
    "anthropic-messages": (chat_services.anthropic, "/v1/messages"),
    "ollama-chat": (chat_services.ollama, "/api/chat"),
    "ollama-generate": (chat_services.ollama, "/api/generate"),
    "plain-json": (chat_services.plain, "/ask"),
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODEL", raising=False)
    monkeypatch.setattr("bench.usecases.recognise._PAUSE_S", 0.0)
    monkeypatch.setenv("OPENAI_API_KEY", "must-not-be-sent")


def _recognise(respond: Respond, path: str = "", **changes: Any) -> tuple[Recognised, Service]:
    headers = parse_headers(changes.pop("headers", ()))

    async def run() -> tuple[Recognised, Service]:
        async with serve(respond) as service:
            caller = Caller(
                url=service.url + path,
                message="Hello",
                headers=headers,
                route=DIRECT,
                timeout_s=5.0,
                **changes,
            )
            return await asyncio.to_thread(recognise, caller), service

    return asyncio.run(run())


@pytest.mark.parametrize("name", SHAPES)
def test_each_common_interface_is_recognised_by_its_path(name: str) -> None:
    """One request is enough, unless the service names another field."""
    respond, path = SHAPES[name]
    found, service = _recognise(respond, path)
    assert found.target.name == name
    assert found.base_url == service.url
    assert found.target.path == path
    assert len(service.posts) == (2 if name == "plain-json" else 1)


@pytest.mark.parametrize(
    ("respond", "name", "model"),
    [
        (chat_services.openai_chat, "openai-chat", "tiny-1"),
        (chat_services.ollama, "ollama-chat", "qwen:0.5b"),
    ],
)
def test_an_address_without_a_path_gets_its_chat(respond: Respond, name: str, model: str) -> None:
    """The list of models shows the interface; a model for embeddings does not chat."""
    found, service = _recognise(respond, "/")
    assert found.target.name == name
    assert [call.body["model"] for call in service.posts] == [model]
    assert f"model {model}" in describe_interface(found.target)


def test_an_address_without_a_list_of_models_gets_one_chat_after_the_other() -> None:
    """A path that the service lacks is passed over."""

    def respond(call: Call, number: int) -> Answer:
        if call.path == "/v1/messages":
            return document({"error": "none"}, "404 Not Found")
        return (
            chat_services.ollama(call, number) if call.path == "/api/chat" else document({}, "404 Not Found")
        )

    found, _ = _recognise(respond)
    assert found.target.name == "ollama-chat"


def test_a_path_before_the_usual_one_and_a_query_are_kept() -> None:
    """They belong to a gateway, or to a version of the API."""

    def respond(call: Call, number: int) -> Answer:
        inner = Call(call.method, call.path.removeprefix("/llm").partition("?")[0], call.headers, call.body)
        return chat_services.openai_chat(inner, number)

    found, service = _recognise(respond, "/llm/v1/chat/completions?api-version=1")
    assert found.base_url.endswith("/llm")
    assert [call.path for call in service.posts] == ["/llm/v1/chat/completions?api-version=1"]


def test_a_service_that_does_not_stream_is_read_as_a_document() -> None:
    """The declaration follows the answer."""

    def respond(call: Call, number: int) -> Answer:
        body = {**(call.body or {}), "stream": False}
        return chat_services.openai_chat(Call(call.method, call.path, call.headers, body), number)

    found, _ = _recognise(respond, "/v1/chat/completions")
    assert found.target.name == "openai-chat"
    assert "one JSON document" in describe_interface(found.target)


@pytest.mark.parametrize("field", ["stream_options", "max_tokens", "stream"])
def test_fields_that_a_service_refuses_are_left_out(field: str) -> None:
    """A strict server gets another request."""

    def respond(call: Call, number: int) -> Answer:
        if call.body and field in call.body:
            return document({"error": {"message": f"unknown field {field}"}}, "400 Bad Request")
        return chat_services.openai_chat(call, number)

    found, _ = _recognise(respond, "/v1/chat/completions")
    assert field not in found.target.body


def test_a_key_of_the_environment_is_sent_only_if_a_header_names_it() -> None:
    """An address is any address, so bench sends it no key unasked."""
    _, service = _recognise(chat_services.openai_chat, "/v1/chat/completions")
    assert "authorization" not in service.posts[0].headers
    named = ["authorization: Bearer ${env.OPENAI_API_KEY}", "x-tenant: a"]
    found, service = _recognise(chat_services.openai_chat, "/v1/chat/completions", headers=named)
    assert service.posts[0].headers["authorization"] == "Bearer must-not-be-sent"
    assert service.posts[0].headers["x-tenant"] == "a"
    assert "must-not-be-sent" not in found.target.model_dump_json()


def test_a_body_and_a_path_of_the_text_describe_any_interface() -> None:
    """The text is then read at this path only."""

    def respond(call: Call, _: int) -> Answer:
        return document({"debug": "a long text that is not the answer", "out": [{"v": call.body["a"]["b"]}]})

    body = '{"a": {"b": "${message}"}, "k": 3}'
    found, service = _recognise(respond, "/rag", body=body, text="out.0.v")
    assert found.target.forms[0].text_places == {"content": ("out.0.v",)}
    assert service.posts[0].body == {"a": {"b": "Hello"}, "k": 3}


@pytest.mark.parametrize(
    "name", ["openai-chat", "openai-completions", "openai-responses", "anthropic-messages"]
)
def test_one_target_reads_streams_and_documents(name: str) -> None:
    """The request decides which of the two comes."""
    respond, path = SHAPES[name]
    found, service = _recognise(respond, path, settings=["stream=false"])
    assert found.target.name == name
    assert "one JSON document" in describe_interface(found.target)
    assert [call.body["stream"] for call in service.posts] == [False]


def test_settings_change_the_request() -> None:
    """A value of the body needs no other option."""
    settings = ["stream=false", "max_tokens=7", "metadata.user=a"]
    found, service = _recognise(chat_services.openai_chat, "/v1/chat/completions", settings=settings)
    body = service.posts[-1].body
    assert (body["stream"], body["max_tokens"], body["metadata"]) == (False, 7, {"user": "a"})
    assert "one JSON document" in describe_interface(found.target)
    with pytest.raises(ConfigError, match="an address has no scenario"):
        _recognise(chat_services.openai_chat, "/v1/chat/completions", settings=["scenario.seed=2"])


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (Answer((b"<html><title>Shop</title></html>",), kind="text/html"), r"200 .*Shop", "--body"),
        (document({"error": "no key"}, "401 Unauthorized"), "401 .*no key", "--header"),
        (document({"error": "slow down"}, "429 Too Many Requests"), "429 .*slow down", "wait"),
        (document({"ok": True, "id": 7}), "200", "bench doctor"),
    ],
)
def test_the_error_shows_what_came_and_what_to_do(answer: Answer, message: str, hint: str) -> None:
    """It has the request, the status, and the words of the service."""
    with pytest.raises(TargetError, match=message) as caught:
        _recognise(lambda *_: answer, "/chat")
    assert hint in (caught.value.hint or "")


def test_a_service_that_is_overloaded_for_a_moment_is_asked_again() -> None:
    """The load then shows how often this happens."""

    def respond(call: Call, number: int) -> Answer:
        if call.method == "POST" and number < 3:
            return document({"error": "slow down"}, "429 Too Many Requests")
        return chat_services.openai_chat(call, number)

    found, service = _recognise(respond, "/v1/chat/completions")
    assert found.target.name == "openai-chat"
    assert len(service.posts) == 3


def test_the_error_does_not_contain_the_key() -> None:
    """A service may quote it."""

    def respond(call: Call, _: int) -> Answer:
        return document({"error": f"bad key {call.headers['x-api-key']}"}, "403 Forbidden")

    with pytest.raises(TargetError, match="bad key …") as caught:
        _recognise(respond, "/chat", headers=["x-api-key: 0123456789abcdef"])
    assert "0123456789abcdef" not in str(caught.value)


def test_a_refused_connection_ends_at_once() -> None:
    """No service listens at port 1."""
    caller = Caller("http://127.0.0.1:1/chat", "Hello", parse_headers(()), DIRECT, 5.0)
    with pytest.raises(TargetError, match="no connection to 127") as caught:
        recognise(caller)
    assert "is the service up" in (caught.value.hint or "")


@pytest.mark.parametrize("body", ["{", "[1]", '{"q": 1}'])
def test_a_wrong_body_is_refused(body: str) -> None:
    """It must be a JSON object with a place for the message."""
    with pytest.raises(ConfigError, match="--body"):
        _recognise(chat_services.plain, "/ask", body=body)
