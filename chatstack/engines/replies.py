"""The simulated model's answers: an extraction, an echo, or a given number of words."""

import re
from collections.abc import Mapping
from typing import Any

from chatstack.engines.latency import Latency, tokenised
from chatstack.intent import extraction_answer

_ECHO = re.compile(r"repeat exactly: (.+)", re.IGNORECASE)


def reply(latency: Latency, body: Mapping[str, Any], prompt: str) -> list[str]:
    """Return the tokens of the answer to a prompt.

    Args:
        latency: Rates of the model; its seed chooses the words.
        body: Body of the request. `format: json` extracts, `options.num_predict` limits the words.
        prompt: Text of the prompt. `repeat exactly: …` returns the text.
    """
    if body.get("format") == "json":
        return tokenised(extraction_answer(prompt))
    echo = _ECHO.search(prompt)
    if echo:
        return tokenised(echo[1])
    options = body.get("options")
    limit = options.get("num_predict") if isinstance(options, dict) else None
    return latency.answer(prompt, limit if isinstance(limit, int) and limit > 0 else None)
