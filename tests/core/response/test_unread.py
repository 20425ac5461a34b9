from typing import Any

import pytest

from tests.core.response.test_pieces import DONE, chunk, event, read


@pytest.mark.parametrize(
    "deltas",
    [
        [{"thought": "a"}, {"thought": "b"}, {"content": "x"}],
        [{"thought": "hm"}, {"thought": "hm"}, {"content": "x"}],
        [{"content": "x", "thought": "a"}, {"content": "y", "thought": "b"}],
    ],
)
def test_text_at_another_place_is_a_remark(deltas: list[dict[str, Any]]) -> None:
    """Text beside the declared places that comes piece by piece is reported once."""
    reading = read(*(chunk(**delta) for delta in deltas), event({"usage": {"completion_tokens": 3}}), DONE)
    assert reading.remarks == ["had a field `choices.0.delta.thought` that the target does not declare"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("role", ["assistant", "user"]),
        ("itemId", ["abc", "abd"]),
        ("created_at", ["2026-01-01T00:00:00.1Z", "2026-01-01T00:00:00.2Z"]),
        ("trace", ["chatcmpl-0123456789", "chatcmpl-0123456790"]),
        ("voice", ["same", "same"]),
        ("number", ["1", "2"]),
    ],
)
def test_ids_moments_roles_and_constants_are_no_remark(name: str, values: list[str]) -> None:
    """A field that is no output of the model is not reported."""
    deltas = [chunk(content="x", **{name: value}) for value in values]
    assert read(*deltas, event({"usage": {"completion_tokens": 2}}), DONE).remarks == []


@pytest.mark.parametrize("tokens", [None, 0, -1, "2"])
def test_a_missing_count_is_a_remark(tokens: object) -> None:
    """If the declared count is absent or 0, the tokens are unknown, and a remark names the path."""
    reading = read(chunk(content="One"), event({"usage": {"completion_tokens": tokens}}), DONE)
    assert reading.tokens is None
    assert reading.remarks == [
        "had no token count at `usage.completion_tokens`, so pieces of text are counted as tokens"
    ]


def test_lines_that_are_no_event_are_a_remark() -> None:
    """A line that is no field of an event is not lost if the answer is complete."""
    usage = event({"usage": {"completion_tokens": 1}})
    assert read(chunk(content="One"), b"what is this\n\n", usage, DONE).remarks == [
        "had lines that are not part of any event"
    ]


@pytest.mark.parametrize(
    ("document", "explanation"),
    [
        ({"message": {"content": "One two"}}, "the answer has `message.content`: 'One two'"),
        ({"id": "x", "created": 7}, "the answer has only `id`, `created`"),
        ({}, "no text at `choices.0.delta.content` or `choices.0.text`"),
        ({"parts": ["One", 7, None]}, "the answer has `parts.0`: 'One'"),
    ],
)
def test_an_answer_without_text_shows_what_it_has(document: dict[str, Any], explanation: str) -> None:
    """A wrong path is named with the text at other places, or with the fields that there are."""
    assert explanation in (read(event(document), DONE).no_text or "")
