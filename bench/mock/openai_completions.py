"""OpenAI's completions: a prompt without roles.

Source: https://platform.openai.com/docs/api-reference/completions
"""

from collections.abc import Mapping
from typing import Any

import orjson

from bench.mock.answer import AnswerSegment, FinishReason
from bench.mock.api_format import Generated, StreamFormat
from bench.mock.openai_chat import DONE, check_choices, event, openai_error, usage_of, wants_usage
from bench.mock.request import (
    BadRequestError,
    MockRequest,
    read_limit,
    read_model,
    read_seed,
)


def _read(body: Mapping[str, Any]) -> MockRequest:
    model = read_model(body)
    prompt = body.get("prompt", "")
    if isinstance(prompt, list) and len(prompt) == 1:
        (prompt,) = prompt
    if not isinstance(prompt, str):
        raise BadRequestError("prompt must be a text: the mock model answers one prompt")
    check_choices(body)
    return MockRequest(
        model=model,
        prompt=prompt,
        streamed=body.get("stream") is True,
        limit=read_limit(body, "max_tokens"),
        may_call=False,
        may_reason=False,
        seed=read_seed(body),
        wants_usage=wants_usage(body),
    )


class OpenAiCompletion(StreamFormat):
    """`POST /v1/completions`."""

    def __init__(self, generated: Generated) -> None:
        super().__init__(generated)
        self._common = {
            "id": f"cmpl-{generated.number:08d}",
            "object": "text_completion",
            "created": generated.created_s,
            "model": generated.request.model,
        }
        self._finish = "length" if generated.answer.finish is FinishReason.LENGTH else "stop"

    @staticmethod
    def read(body: Mapping[str, Any]) -> MockRequest:
        """Return the request of a body."""
        return _read(body)

    @staticmethod
    def error(status: int, message: str) -> bytes:
        """Return an error with this HTTP status."""
        return openai_error(status, message)

    def piece(self, segment: AnswerSegment, text: str) -> bytes:  # noqa: ARG002 - all tokens are one text
        """Return an event with tokens."""
        return event({**self._common, "choices": [self._choice(text, None)]})

    def tail(self) -> bytes:
        """Return the reason of the end, the counts if they are wanted, and the last event."""
        end = event({**self._common, "choices": [self._choice("", self._finish)]})
        if self.generated.request.wants_usage:
            end += event({**self._common, "choices": [], "usage": usage_of(self.generated)})
        return end + DONE

    def document(self) -> bytes:
        """Return the completion."""
        text = "".join(segment.text for segment in self.generated.answer.segments)
        choices = [self._choice(text, self._finish)]
        return orjson.dumps({**self._common, "choices": choices, "usage": usage_of(self.generated)})

    def error_event(self, message: str) -> bytes:
        """Return an event with an error."""
        return b"data: " + self.error(500, message) + b"\n\n"

    def _choice(self, text: str, finish: str | None) -> dict[str, Any]:
        return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
