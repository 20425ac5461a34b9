"""OpenAI's chat completions.

Reasoning tokens are in `reasoning_content`, as vLLM and DeepSeek send them.
Source: https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import Mapping
from typing import Any

import orjson

from bench.mock.answer import AnswerSegment, FinishReason, SegmentKind
from bench.mock.api_format import Generated, StreamFormat
from bench.mock.request import (
    BadRequestError,
    MockRequest,
    read_limit,
    read_messages,
    read_model,
    read_seed,
    read_tools,
    texts_of,
)

DONE = b"data: [DONE]\n\n"
"""The last event of a stream."""
_ANY_OBJECT = {"type": "object", "properties": {"answer": {"type": "string"}}}
_FINISH = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.TOOL_CALLS: "tool_calls",
}


def _read(body: Mapping[str, Any]) -> MockRequest:
    model = read_model(body)
    messages = read_messages(body)
    check_choices(body)
    choice = body.get("tool_choice")
    was_answered = bool(messages) and messages[-1].get("role") in {"tool", "function"}
    return MockRequest(
        model=model,
        prompt=texts_of(messages),
        streamed=body.get("stream") is True,
        limit=read_limit(body, "max_completion_tokens", "max_tokens"),
        tools=read_tools(body.get("tools"), "parameters"),
        must_call=choice == "required" or isinstance(choice, dict),
        may_call=choice != "none" and not was_answered,
        may_reason=body.get("reasoning_effort") != "none",
        schema=_schema(body.get("response_format")),
        seed=read_seed(body),
        wants_usage=wants_usage(body),
    )


def check_choices(body: Mapping[str, Any]) -> None:
    """Check that the request wants one choice.

    Raises:
        BadRequestError: It wants several.
    """
    if body.get("n", 1) not in {1, None}:
        raise BadRequestError("n must be 1: the mock model returns one choice")


def wants_usage(body: Mapping[str, Any]) -> bool:
    """Return whether a stream ends with the counts."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _schema(response_format: object) -> object:
    if not isinstance(response_format, dict):
        return None
    match response_format.get("type"):
        case "json_schema":
            declared = response_format.get("json_schema")
            return declared.get("schema", _ANY_OBJECT) if isinstance(declared, dict) else _ANY_OBJECT
        case "json_object":
            return _ANY_OBJECT
        case _:
            return None


def openai_error(status: int, message: str) -> bytes:
    """Return an error of OpenAI's API."""
    kind = {400: "invalid_request_error", 404: "invalid_request_error", 429: "rate_limit_error"}
    error = {"message": message, "type": kind.get(status, "server_error"), "param": None, "code": None}
    return orjson.dumps({"error": error})


def usage_of(generated: Generated) -> dict[str, Any]:
    """Return the counts of an answer."""
    answer = generated.answer
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.prompt_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
    }


def event(content: Mapping[str, Any]) -> bytes:
    """Return a server-sent event without a name."""
    return b"data: " + orjson.dumps(content) + b"\n\n"


class OpenAiChat(StreamFormat):
    """`POST /v1/chat/completions`."""

    def __init__(self, generated: Generated) -> None:
        super().__init__(generated)
        self._common = {
            "id": f"chatcmpl-{generated.number:08d}",
            "created": generated.created_s,
            "model": generated.request.model,
        }
        # A stream has many chunks that differ only in their text.
        self._text = self._around("content")
        self._reasoning = self._around("reasoning_content")

    @staticmethod
    def read(body: Mapping[str, Any]) -> MockRequest:
        """Return the request of a body."""
        return _read(body)

    @staticmethod
    def error(status: int, message: str) -> bytes:
        """Return an error with this HTTP status."""
        return openai_error(status, message)

    def head(self) -> bytes:
        """Return the chunk with the role."""
        return self._chunk({"role": "assistant", "content": ""})

    def open(self, segment: AnswerSegment) -> bytes:
        """Return the chunk with a tool call's name."""
        if segment.kind is not SegmentKind.TOOL_CALL:
            return b""
        return self._chunk({"tool_calls": [{"index": segment.index, **self._call(segment, "")}]})

    def piece(self, segment: AnswerSegment, text: str) -> bytes:
        """Return a chunk with tokens."""
        match segment.kind:
            case SegmentKind.TEXT:
                return self._text[0] + orjson.dumps(text) + self._text[1]
            case SegmentKind.REASONING:
                return self._reasoning[0] + orjson.dumps(text) + self._reasoning[1]
            case SegmentKind.TOOL_CALL:
                return self._chunk(
                    {"tool_calls": [{"index": segment.index, "function": {"arguments": text}}]}
                )

    def tail(self) -> bytes:
        """Return the reason of the end, the counts if they are wanted, and the last event."""
        end = self._chunk({}, _FINISH[self.generated.answer.finish])
        if self.generated.request.wants_usage:
            end += event(self._object("chat.completion.chunk", [], usage=usage_of(self.generated)))
        return end + DONE

    def document(self) -> bytes:
        """Return the chat completion."""
        answer = self.generated.answer
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
        if not answer.calls:
            message["content"] = answer.part(SegmentKind.TEXT).text
        else:
            message["tool_calls"] = [self._call(segment, segment.text) for segment in answer.calls]
        if answer.reasoning_tokens:
            message["reasoning_content"] = answer.part(SegmentKind.REASONING).text
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[answer.finish]}
        return orjson.dumps(self._object("chat.completion", [choice], usage=usage_of(self.generated)))

    def error_event(self, message: str) -> bytes:
        """Return an event with an error."""
        return b"data: " + self.error(500, message) + b"\n\n"

    def _call(self, segment: AnswerSegment, arguments: str) -> dict[str, Any]:
        identity = f"call_{self.generated.number:08d}_{segment.index}"
        function = {"name": segment.name, "arguments": arguments}
        return {"id": identity, "type": "function", "function": function}

    def _chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event(self._object("chat.completion.chunk", [choice]))

    def _around(self, field: str) -> tuple[bytes, bytes]:
        """Return the bytes of a chunk before and after the text of a field."""
        name = f'"{field}":'.encode()
        before, _, after = self._chunk({field: ""}).rpartition(name + b'""')
        return before + name, after

    def _object(self, kind: str, choices: list[Any], **more: Any) -> dict[str, Any]:
        return {**self._common, "object": kind, "choices": choices, **more}
