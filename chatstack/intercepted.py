"""The agent's own answer, in Ollama's format."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bench.mock.clock import iso_now
from chatstack.ollama import reported
from chatstack.timing import server_timing, stopwatch

_DURATIONS = (
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)


class Intercepted:
    """The answer that a form was published, in the format of `/api/generate` or `/api/chat`.

    Args:
        request: The client's request.
        asked: Body of the request.
        form_id: Id of the form.
        last: The model's answer to the agent's question; its durations are returned.
    """

    def __init__(
        self, request: Request, asked: Mapping[str, Any], form_id: str, last: Mapping[str, Any]
    ) -> None:
        text = f"✅ Form {form_id} has been successfully published"
        chat = request.url.path.endswith("/chat")
        said = {"message": {"role": "assistant", "content": text}} if chat else {"response": text}
        self._answer = {
            "model": asked.get("model"),
            "created_at": iso_now(),
            **said,
            "done": True,
            "done_reason": "stop",
            **{key: last[key] for key in _DURATIONS if key in last},
        }
        self._streamed = asked.get("stream", True) is not False
        stopwatch(request).pass_on(server_timing(reported(last)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; a stream has a single line."""
        line = json.dumps(self._answer, ensure_ascii=False) + "\n"
        media_type = "application/x-ndjson" if self._streamed else "application/json"
        await Response(line, media_type=media_type)(scope, receive, send)
