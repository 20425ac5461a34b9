from typing import Any

import pytest

from chatstack.intent import extraction_prompt
from chatstack.latency import Latency
from chatstack.replies import reply

LATENCY = Latency()


def _text(prompt: str, **body: Any) -> str:
    return "".join(reply(LATENCY, body, prompt))


def test_what_is_to_be_repeated_is_repeated_whole() -> None:
    """A model that is asked to repeat a text does so, whatever its characters."""
    assert _text("Please repeat exactly: Grüße 👋🏽 世界") == "Grüße 👋🏽 世界"


def test_an_extraction_is_json() -> None:
    """With the format set the answer is the agent's question answered."""
    assert _text(extraction_prompt("publish form 12"), format="json") == '{"publish": true, "form_id": "12"}'


@pytest.mark.parametrize("limit", [1, 5, 20])
def test_words_are_bounded_by_the_options(limit: int) -> None:
    """No more tokens come than are asked for; what is no bound bounds nothing."""
    assert len(reply(LATENCY, {"options": {"num_predict": limit}}, "x")) == limit
    for options in ({"num_predict": -1}, {"num_predict": "5"}, "none", {}):
        assert len(reply(LATENCY, {"options": options}, "x")) >= 24
