"""Anthropic's messages.

Source: https://docs.anthropic.com/en/api/messages-streaming
"""

import json
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
    read_tools,
    text_of,
    texts_of,
)

_STOP = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
}
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def _read(body: Mapping[str, Any]) -> MockRequest:
    model = read_model(body)
    messages = read_messages(body)
    limit = read_limit(body, "max_tokens")
    if limit is None:
        raise BadRequestError("max_tokens: Field required")
    choice = body.get("tool_choice")
    kind = choice.get("type") if isinstance(choice, dict) else "auto"
    return MockRequest(
        model=model,
        prompt="\n".join(filter(None, [text_of(body.get("system")), texts_of(messages)])),
        streamed=body.get("stream") is True,
        limit=limit,
        tools=read_tools(body.get("tools"), "input_schema"),
        must_call=kind in {"any", "tool"},
        may_call=kind != "none" and not _has_results(messages),
        may_reason=not _is_disabled(body.get("thinking")),
    )


def _has_results(messages: list[Mapping[str, Any]]) -> bool:
    """Return whether the last message has the result of a tool call."""
    content = messages[-1].get("content") if messages else None
    parts = content if isinstance(content, list) else ()
    return any(isinstance(part, dict) and part.get("type") == "tool_result" for part in parts)


def _is_disabled(thinking: object) -> bool:
    return isinstance(thinking, dict) and thinking.get("type") == "disabled"


def _event(name: str, content: Mapping[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps({"type": name, **content}))


class AnthropicMessage(StreamFormat):
    """`POST /v1/messages`."""

    def __init__(self, generated: Generated) -> None:
        super().__init__(generated)
        self._blocks = 0

    @staticmethod
    def read(body: Mapping[str, Any]) -> MockRequest:
        """Return the request of a body."""
        return _read(body)

    @staticmethod
    def error(status: int, message: str) -> bytes:
        """Return an error with this HTTP status."""
        error = {"type": _ERRORS.get(status, "api_error"), "message": message}
        return orjson.dumps({"type": "error", "error": error})

    def head(self) -> bytes:
        """Return the begin of the message."""
        usage = {"input_tokens": self.generated.answer.prompt_tokens, "output_tokens": 0}
        message = self._message([], None, usage)
        return _event("message_start", {"message": message}) + _event("ping", {})

    def open(self, segment: AnswerSegment) -> bytes:
        """Return the begin of a content block."""
        block = self._block(segment, is_complete=False)
        return _event("content_block_start", {"index": self._blocks, "content_block": block})

    def piece(self, segment: AnswerSegment, text: str) -> bytes:
        """Return a delta with tokens."""
        match segment.kind:
            case SegmentKind.TEXT:
                return self._delta({"type": "text_delta", "text": text})
            case SegmentKind.REASONING:
                return self._delta({"type": "thinking_delta", "thinking": text})
            case SegmentKind.TOOL_CALL:
                return self._delta({"type": "input_json_delta", "partial_json": text})

    def close(self, segment: AnswerSegment) -> bytes:
        """Return the end of a content block."""
        signature = b""
        if segment.kind is SegmentKind.REASONING:
            signature = self._delta({"type": "signature_delta", "signature": self._signature})
        end = _event("content_block_stop", {"index": self._blocks})
        self._blocks += 1
        return signature + end

    def tail(self) -> bytes:
        """Return the reason of the end, the counts and the last event."""
        answer = self.generated.answer
        delta = {"stop_reason": _STOP[answer.finish], "stop_sequence": None}
        usage = {"output_tokens": answer.output_tokens}
        return _event("message_delta", {"delta": delta, "usage": usage}) + _event("message_stop", {})

    def document(self) -> bytes:
        """Return the message."""
        answer = self.generated.answer
        content = [self._block(segment, is_complete=True) for segment in answer.segments]
        usage = {"input_tokens": answer.prompt_tokens, "output_tokens": answer.output_tokens}
        return orjson.dumps(self._message(content, _STOP[answer.finish], usage))

    def error_event(self, message: str) -> bytes:
        """Return an event with an error."""
        return b"event: error\ndata: " + self.error(500, message) + b"\n\n"

    @property
    def _signature(self) -> str:
        return f"mock{self.generated.number:08d}"

    def _delta(self, delta: Mapping[str, Any]) -> bytes:
        return _event("content_block_delta", {"index": self._blocks, "delta": delta})

    def _block(self, segment: AnswerSegment, *, is_complete: bool) -> dict[str, Any]:
        text = segment.text if is_complete else ""
        match segment.kind:
            case SegmentKind.TEXT:
                return {"type": "text", "text": text}
            case SegmentKind.REASONING:
                return {
                    "type": "thinking",
                    "thinking": text,
                    "signature": self._signature if is_complete else "",
                }
            case SegmentKind.TOOL_CALL:
                identity = f"toolu_{self.generated.number:08d}_{segment.index}"
                arguments = json.loads(text) if text and not segment.is_cut else {}
                return {"type": "tool_use", "id": identity, "name": segment.name, "input": arguments}

    def _message(self, content: list[Any], stop: str | None, usage: Mapping[str, int]) -> dict[str, Any]:
        return {
            "id": f"msg_{self.generated.number:08d}",
            "type": "message",
            "role": "assistant",
            "model": self.generated.request.model,
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": usage,
        }
