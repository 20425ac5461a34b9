from typing import Any

import pytest

from chatstack.engines.latency import Latency
from chatstack.engines.replies import reply
from chatstack.intent import extraction_prompt

LATENCY = Latency()


def _text(prompt: str, **body: Any) -> str:
    return "".join(reply(LATENCY, body, prompt))


def test_a_text_to_repeat_is_repeated_completely() -> None:
    """A prompt that asks to repeat a text gets this text, with all its characters."""
    assert _text("Please repeat exactly: Grüße 👋🏽 世界") == "Grüße 👋🏽 世界"


def test_an_extraction_is_json() -> None:
    """With `format: json` the answer is that of the extraction prompt."""
    assert _text(extraction_prompt("publish form 12"), format="json") == '{"publish": true, "form_id": "12"}'


@pytest.mark.parametrize("limit", [1, 5, 20])
def test_num_predict_limits_the_tokens(limit: int) -> None:
    """A positive integer limits the tokens, and any other value is no limit."""
    assert len(reply(LATENCY, {"options": {"num_predict": limit}}, "x")) == limit
    for options in ({"num_predict": -1}, {"num_predict": "5"}, "none", {}):
        assert len(reply(LATENCY, {"options": options}, "x")) >= 24
