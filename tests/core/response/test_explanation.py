from collections.abc import Sequence
from typing import Any

import pytest

from bench.core.response.explanation import BodyPart, Explanation, RecordedAnswer, explain
from bench.core.samples.sample import Outcome
from tests.factories import make_target

ANSWER = {
    "kind": "sse",
    "text": {"content": "text", "reasoning": "thought"},
    "tokens": "tokens",
    "done_data": "[DONE]",
}
BODY = (
    b'data: {"thought": "hm"}\n\ndata: {"text": "One"}\n\n: comment\n\ndata: {"x": 1}\n\n'
    b'data: {"tokens": 3}\n\ndata: [DONE]\n\ndata: {"text": "late"}\n\n'
)
MEANINGS = [
    'reasoning "hm"', 'content "One"', "nothing to read", "3 tokens", "end mark",
    "not read: it comes after the end mark",
]  # fmt: skip


def _explain(parts: Sequence[bytes], status: int = 200, answer: Any = None, **fields: Any) -> Explanation:
    recorded = RecordedAnswer(
        url="http://x/", version="1.1", connect_s=0.1, status=status, ended_s=9.0,
        parts=[BodyPart(part, float(index)) for index, part in enumerate(parts)], **fields,
    )  # fmt: skip
    return explain(make_target(answer=answer or ANSWER), recorded)


@pytest.mark.parametrize("size", [1, 7, 23, 64, 1000])
def test_each_event_has_its_meaning(size: int) -> None:
    """The meanings do not depend on the parts in which the bytes came, and no byte is lost."""
    parts = [BODY[start : start + size] for start in range(0, len(BODY), size)]
    explanation = _explain(parts)
    readings = explanation.readings
    assert [reading.meaning for reading in readings if reading.meaning != "no complete event"] == MEANINGS
    assert sum(reading.size for reading in readings) == len(BODY)
    assert explanation.is_complete
    assert (explanation.content.text, explanation.content.tokens) == ("One", 3)


def test_an_error_in_the_answer_is_the_result() -> None:
    """The event has its meaning, and no declaration would read more."""
    explanation = _explain([b'data: {"error": {"message": "out of memory"}}\n\n', b"data: [DONE]\n\n"])
    assert explanation.readings[0].meaning == "error: out of memory"
    assert explanation.failure is not None
    assert "out of memory" in explanation.failure[1]
    assert explanation.advice == {}


def test_a_refused_request_has_the_words_of_the_server() -> None:
    """Its body is no answer."""
    explanation = _explain([b'{"error": "too many"}'], status=429)
    assert explanation.failure == (Outcome.RATE_LIMITED, "too many")
    assert (explanation.readings, explanation.advice) == ([], {})


@pytest.mark.parametrize(
    ("body", "form"),
    [(b"<html>x</html>", "a page of HTML"), (b"busy", "plain text"), (b"{}", "a JSON document")],
)
def test_another_form_is_not_read(body: bytes, form: str) -> None:
    """Each part has the name of the form."""
    explanation = _explain([body])
    assert [reading.meaning for reading in explanation.readings] == [f"not read: {form}"]
    assert not explanation.is_complete


def test_a_document_in_parts_is_read_with_its_last_part() -> None:
    """The parts before it have their times and sizes."""
    explanation = _explain([b'{"text":', b' "One"}'], answer={"kind": "json", "text": "text"})
    assert [reading.meaning for reading in explanation.readings] == [
        "a part of the document",
        'content "One"',
    ]
    assert explanation.is_complete


def test_a_broken_answer_shows_no_end() -> None:
    """The end of its body is never suggested as the mark of the end."""
    broken = (Outcome.BAD_STREAM, "the connection was reset")
    explanation = _explain([b'data: {"text": "One"}\n\n'], broken=broken)
    assert explanation.failure == broken
    assert explanation.advice == {}
    assert _explain([b'data: {"text": "One"}\n\n']).advice == {"done_with_body": True}


def test_an_answer_without_a_connection_has_no_parts() -> None:
    """The result has the reason."""
    broken = (Outcome.CONNECT_FAILED, "refused")
    explanation = _explain([], status=0, broken=broken)
    assert explanation.failure == broken
    assert explanation.readings == []


def _stream(*lines: str) -> list[bytes]:
    return [f"data: {line}\n\n".encode() for line in lines]


@pytest.mark.parametrize(
    ("fields", "data", "meaning"),
    [
        ({"text": {"content": "text", "refusal": "no"}}, '{"no": "I cannot"}', 'refusal "I cannot"'),
        ({"text": {"content": "text", "tool_call": "call"}}, '{"call": {"name": "add"}}', "tool call add"),
        (
            {"text": {"content": "text", "tool_call": "call"}},
            '{"call": {"arguments": "{}"}}',
            "a part of a tool call",
        ),
        ({"reasoning_tokens": "r"}, '{"r": 7}', "7 reasoning tokens"),
        ({"durations": {"unit": "ms", "tiers": {"model": "took"}}}, '{"took": 7}', "times of model"),
        ({"finish_reason": "why"}, '{"why": "length"}', "finish reason length"),
    ],
)
def test_each_value_of_an_event_has_its_meaning(fields: dict[str, Any], data: str, meaning: str) -> None:
    """Every value that a target can declare is named where it is read."""
    (reading,) = _explain(_stream(data), answer={**ANSWER, **fields}).readings
    assert reading.meaning == meaning


def test_plain_text_between_events_is_shown_as_it_came() -> None:
    """Lines that are not part of an event are shown; if the answer is complete, they are only a remark."""
    explanation = _explain([b"busy, try again\n\n", *_stream('{"text": "One"}', "[DONE]")])
    assert explanation.readings[0].content.strip() == b"busy, try again"
    assert "had lines that are not part of any event" in explanation.content.remarks
    assert explanation.is_complete


def test_an_event_that_is_too_long_ends_the_readings() -> None:
    """The parts before the error of the stream have their meanings, and the result has its reason."""
    long = b"data: " + b"x" * 20_000_000
    explanation = _explain([*_stream('{"text": "One"}'), long])
    assert [reading.meaning for reading in explanation.readings] == ['content "One"']
    assert explanation.failure is not None
