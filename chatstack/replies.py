"""What the simulated model writes: an extraction, an echo, or words of the right number."""

import re
from collections.abc import Mapping
from typing import Any

from chatstack.intent import extraction_answer
from chatstack.latency import Latency, tokenised

_ECHO = re.compile(r"repeat exactly: (.+)", re.IGNORECASE)


def reply(latency: Latency, body: Mapping[str, Any], prompt: str) -> list[str]:
    """The tokens of the answer to a prompt.

    Args:
        latency: Of the model, whose seed the words are of.
        body: Of the request; `format: json` asks for an extraction, `options.num_predict` bounds the words.
        prompt: What was asked. `repeat exactly: …` is, as a good model would.
    """
    if body.get("format") == "json":
        return tokenised(extraction_answer(prompt))
    echo = _ECHO.search(prompt)
    if echo:
        return tokenised(echo[1])
    options = body.get("options")
    limit = options.get("num_predict") if isinstance(options, dict) else None
    return latency.answer(prompt, limit if isinstance(limit, int) and limit > 0 else None)
