"""Ollama's API: lines of JSON, and the durations of an answer.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from bench.mock.answer import AnswerSegment, FinishReason, SegmentKind
from bench.mock.api_format import Generated, GenerationTimes, StreamFormat
from bench.mock.clock import iso_now
from bench.mock.request import (
    BadRequestError,
    MockRequest,
    read_messages,
    read_model,
    read_seed,
    read_tools,
    texts_of,
)

LINES = b"application/x-ndjson"
"""Media type of a stream."""
BUSY = "server busy, please try again.  maximum pending requests exceeded"
"""Ollama's error when the queue is full."""
_ANY_OBJECT = {"type": "object", "properties": {"answer": {"type": "string"}}}


def _read(body: Mapping[str, Any], prompt: str, tools: Any, *, may_call: bool, is_empty: bool) -> MockRequest:
    options = body.get("options")
    if not isinstance(options, dict):
        options = {}
    limit = options.get("num_predict")
    form = body.get("format")
    return MockRequest(
        model=read_model(body),
        prompt=prompt,
        streamed=body.get("stream", True) is not False,
        limit=limit if isinstance(limit, int) and limit > 0 else None,  # Ollama: -1 and -2 are no limits
        tools=tools,
        may_call=may_call,
        may_reason=body.get("think") is not False,
        schema=_ANY_OBJECT if form == "json" else form or None,
        seed=read_seed(options),
        is_empty=is_empty,
    )


def chat_text(text: str) -> dict[str, Any]:
    """Return a text as a part of an answer of `/api/chat`."""
    return {"message": {"role": "assistant", "content": text}}


def generate_text(text: str) -> dict[str, Any]:
    """Return a text as a part of an answer of `/api/generate`."""
    return {"response": text}


def part_line(model: str, part: Mapping[str, Any]) -> bytes:
    """Return the line of a part of a stream."""
    return orjson.dumps({"model": model, "created_at": iso_now(), **part, "done": False}) + b"\n"


def last_object(
    model: str,
    part: Mapping[str, Any],
    times: GenerationTimes,
    counts: tuple[int, int],
    done_reason: str = "stop",
) -> dict[str, Any]:
    """Return the last object of an answer, with its durations in nanoseconds.

    Args:
        model: Name of the model.
        part: The text that is left: all of it, or none after a stream.
        times: Complete times of the answer.
        counts: Number of tokens of the prompt and of the output.
        done_reason: The reason why the answer ends.
    """
    prompt_tokens, output_tokens = counts
    return {
        "model": model,
        "created_at": iso_now(),
        **part,
        "done": True,
        "done_reason": done_reason,
        "total_duration": _ns(times.finished_s - times.arrived_s),
        "load_duration": 0,
        "prompt_eval_count": prompt_tokens,
        "prompt_eval_duration": _ns(times.prefilled_s - times.started_s),
        "eval_count": output_tokens,
        "eval_duration": _ns(times.finished_s - times.prefilled_s),
    }


def last_line(last: Mapping[str, Any]) -> bytes:
    """Return the line of the last object of a stream."""
    return orjson.dumps(last) + b"\n"


def _ns(duration_s: float) -> int:
    return round(duration_s * 1e9)


class _Lines(StreamFormat):
    """Both calls of the API, which differ only in the field of the text."""

    media_type = LINES

    def __init__(self, generated: Generated, text: Callable[[str], dict[str, Any]]) -> None:
        super().__init__(generated)
        self._text = text
        self._model = generated.request.model

    @staticmethod
    def error(status: int, message: str) -> bytes:  # noqa: ARG004 - other APIs have kinds of errors
        """Return an error with this HTTP status."""
        return orjson.dumps({"error": message})

    def piece(self, segment: AnswerSegment, text: str) -> bytes:
        """Return a line with tokens. A tool call is one line, after its last token."""
        match segment.kind:
            case SegmentKind.TEXT:
                return part_line(self._model, self._text(text))
            case SegmentKind.REASONING:
                return part_line(self._model, self._with_thinking("", text))
            case SegmentKind.TOOL_CALL:
                return b""

    def close(self, segment: AnswerSegment) -> bytes:
        """Return the line with a complete tool call."""
        if segment.kind is not SegmentKind.TOOL_CALL or segment.is_cut:
            return b""
        return part_line(self._model, self._with_calls("", (segment,)))

    def tail(self) -> bytes:
        """Return the last line."""
        return last_line(self._last(self._text("")))

    def document(self) -> bytes:
        """Return the complete answer."""
        answer = self.generated.answer
        text = answer.part(SegmentKind.TEXT).text
        part = self._text(text)
        if answer.reasoning_tokens:
            part = self._with_thinking(text, answer.part(SegmentKind.REASONING).text)
        calls = tuple(call for call in answer.calls if not call.is_cut)
        if calls:
            part["message"] |= self._with_calls(text, calls)["message"]
        return orjson.dumps(self._last(part))

    def error_event(self, message: str) -> bytes:
        """Return a line with an error."""
        return self.error(500, message) + b"\n"

    def _with_thinking(self, text: str, thinking: str) -> dict[str, Any]:
        part = self._text(text)
        part.get("message", part)["thinking"] = thinking
        return part

    def _with_calls(self, text: str, calls: tuple[AnswerSegment, ...]) -> dict[str, Any]:
        part = self._text(text)
        functions = [{"name": call.name, "arguments": json.loads(call.text)} for call in calls]
        part["message"]["tool_calls"] = [{"function": function} for function in functions]
        return part

    def _last(self, part: dict[str, Any]) -> dict[str, Any]:
        answer = self.generated.answer
        reason = "length" if answer.finish is FinishReason.LENGTH else "stop"
        if self.generated.request.is_empty:
            reason = "load"
        counts = answer.prompt_tokens, answer.output_tokens
        return last_object(self._model, part, self.generated.times, counts, reason)


class OllamaChat(_Lines):
    """`POST /api/chat`."""

    def __init__(self, generated: Generated) -> None:
        super().__init__(generated, chat_text)

    @staticmethod
    def read(body: Mapping[str, Any]) -> MockRequest:
        """Return the request of a body. Without messages it only loads the model."""
        messages = read_messages({"messages": [], **body})
        was_answered = bool(messages) and messages[-1].get("role") == "tool"
        tools = read_tools(body.get("tools"), "parameters")
        return _read(body, texts_of(messages), tools, may_call=not was_answered, is_empty=not messages)


class OllamaGenerate(_Lines):
    """`POST /api/generate`."""

    def __init__(self, generated: Generated) -> None:
        super().__init__(generated, generate_text)

    @staticmethod
    def read(body: Mapping[str, Any]) -> MockRequest:
        """Return the request of a body. Without a prompt it only loads the model."""
        prompt = body.get("prompt", "")
        if not isinstance(prompt, str):
            raise BadRequestError("prompt must be a text")
        return _read(body, prompt, (), may_call=False, is_empty=not prompt)
