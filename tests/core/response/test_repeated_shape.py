"""A message is left unparsed only if it surely neither ends the answer nor fails."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.config.target import WebSocketAnswer
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_content import AnswerContent
from bench.core.response.answer_form import AnswerForm
from bench.core.response.repeated_shape import RepeatedShape

_DONE: dict[str, Any] = {"type": "done"}
_PIECES = st.builds(
    lambda text, more: {"type": "piece", "text": text, **more},
    st.sampled_from(["", "a", "done", "é", 'a "b"', "a\nb", "\\", "piece", "stop"]),
    st.sampled_from([{}, {}, {}, {"error": None}, {"seq": 1}, {"type": "other"}]),
)
_ENDS = st.sampled_from(
    [
        json.dumps(_DONE),
        json.dumps({"type": "piece", "text": "stop"}),
        json.dumps({"type": "piece", "text": "a", "error": "no"}),
        json.dumps({"type": "error", "text": "a"}),
        '{"type": "piece", "text": "a',
        '{"type": "piece", "text": "a\nb"}',
        "[DONE]",
        "plain",
        "[]",
    ]
)
_FORMS = [
    {"done": _DONE},
    {"done": [_DONE, {"text": "stop"}]},
    {"done": "type.end", "done_data": "[DONE]", "done_with_close": True},
]


def _form(declared: dict[str, Any]) -> AnswerForm:
    return AnswerForm(WebSocketAnswer.model_validate({"kind": "websocket", "text": "text", **declared}))


def _is_over(form: AnswerForm, messages: list[bytes]) -> bool:
    """Return whether an answer is decided after these messages, with a reader that has learned nothing."""
    reader = AnswerReader(form)
    for number, message in enumerate(messages):
        reader.feed(message, float(number))
    return reader.is_decided()


def _read(form: AnswerForm, messages: list[bytes]) -> tuple[int, AnswerContent]:
    """Return the number of messages until the answer is decided, and its content."""
    reader = AnswerReader(form)
    count = 0
    for number, message in enumerate(messages):
        reader.feed(message, float(number))
        count += 1
        if reader.is_decided():
            break
    return count, reader.end()


@pytest.mark.parametrize("declared", _FORMS)
@given(pieces=st.lists(_PIECES, max_size=25), end=_ENDS)
def test_the_end_is_seen_at_once(declared: dict[str, Any], pieces: list[dict[str, Any]], end: str) -> None:
    """The reader decides with the same message as one that parses all of them, and reads the same text."""
    form = _form(declared)
    messages = [*(json.dumps(piece, ensure_ascii=False).encode() for piece in pieces), end.encode()]
    count, content = _read(form, messages)
    assert not any(_is_over(form, messages[:end_at]) for end_at in range(1, count))
    if count < len(messages):
        assert _is_over(form, messages[:count])
    reader = AnswerReader(form)
    for number, message in enumerate(messages[:count]):
        reader.feed(message, float(number))
    assert reader.end() == content
    assert all(before_s < after_s for before_s, after_s in pairwise(content.token_times_s))


def test_only_the_text_may_differ() -> None:
    """Escapes, other fields, and values that may end an answer are always parsed."""
    shape = RepeatedShape({"reason"})
    assert not shape.fits(b'{"text": "a"}')
    shape.learn(b'{"text": "a"}', "a")
    assert shape.fits(b'{"text": "another"}')
    assert shape.fits('{"text": "é"}'.encode())
    others = [
        b'{"text": "a\\"}',
        b'{"text": "a", "b": "c"}',
        b'{"text": "a\nb"}',
        b'{"text": 1}',
        b'{"text": "',
    ]
    assert not any(map(shape.fits, others))
    shape.learn(b'{"reason": "a"}', "a")
    assert not shape.fits(b'{"reason": "b"}')
    shape.learn(b'{"text": "a", "other": "a"}', "a")
    assert not shape.fits(b'{"text": "b", "other": "a"}')
