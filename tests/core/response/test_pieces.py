import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bench.core.config.target import Answer
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_content import AnswerContent
from bench.core.response.answer_form import AnswerForm
from tests.laws import READING_LAW

ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)
OPENAI: dict[str, Any] = {
    "kind": "sse",
    "text": {
        "content": ["choices.0.delta.content", "choices.0.text"],
        "reasoning": ["choices.0.delta.reasoning_content", "choices.0.delta.reasoning"],
        "refusal": "choices.0.delta.refusal",
        "tool_call": "choices.0.delta.tool_calls",
        "audio": "choices.0.delta.audio.transcript",
    },
    "done_data": "[DONE]",
    "done": "choices.0.finish_reason",
    "finish_reason": "choices.0.finish_reason",
    "tokens": "usage.completion_tokens",
    "reasoning_tokens": "usage.details.reasoning",
}
DONE = b"data: [DONE]\n\n"


def event(document: dict[str, Any]) -> bytes:
    """Return a document as an event."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def chunk(finish_reason: str | None = None, **delta: Any) -> bytes:
    """Return an event of OpenAI's chat API."""
    return event({"id": "c-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def read(*parts: bytes, answer: dict[str, Any] = OPENAI) -> AnswerContent:
    """Read parts that arrive one second apart, the first at second 1."""
    reader = AnswerReader(AnswerForm(ANSWERS.validate_python(answer)), ("usage", "choices.0.index"))
    for second, part in enumerate(parts, 1):
        reader.feed(part, float(second))
    return reader.end()


def test_each_kind_of_text_is_read_apart() -> None:
    """Reasoning and content have their own texts and times, and all pieces are tokens."""
    reading = read(
        chunk(role="assistant", content=""),
        chunk(reasoning_content="hm", content=None),
        chunk(reasoning="m", reasoning_content="m"),
        chunk(content="Yes"),
        chunk(content=" so", refusal=None),
        chunk(finish_reason="length"),
        event({"usage": {"completion_tokens": 9.0, "details": {"reasoning": 5}}}),
        DONE,
    )
    assert (reading.text, reading.reasoning, reading.finish_reason) == ("Yes so", "hmm", "length")
    assert reading.token_times_s == [2.0, 3.0, 4.0, 5.0]
    assert (reading.first_reasoning_s, reading.last_reasoning_s, reading.first_answer_s) == (2.0, 3.0, 4.0)
    assert (reading.tokens, reading.reasoning_tokens, reading.ended_s) == (9, 5, 6.0)
    assert reading.values["choices.0.index"] == 0
    assert reading.remarks == []


def test_a_tool_call_in_many_parts_is_one_call() -> None:
    """The parts of a call have one name; calls with other indexes are further calls."""
    calls = [
        [{"index": 0, "id": "a", "function": {"name": "look", "arguments": ""}}],
        [{"index": 0, "function": {"name": "look", "arguments": "{}"}}],
        [{"index": 1, "function": {"name": "look"}}],
        [{"index": 2, "name": "write"}],
    ]
    reading = read(*(chunk(tool_calls=parts) for parts in calls), DONE)
    assert (reading.tool_calls, reading.text, reading.no_text) == (("look", "look", "write"), None, None)
    assert reading.token_times_s == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("content", "text", "reasoning"),
    [
        ([{"type": "text", "text": "One"}], "One", None),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"text": "One"}], "One", "hm"),
        (["One", {"type": "reasoning", "summary": "hm"}], "One", "hm"),
        ({"type": "thinking_delta", "thinking": "hm"}, None, "hm"),
        ([{"text": "hm", "thought": True}, {"text": "One"}], "One", "hm"),
        ([{"type": "image", "url": "x"}], None, None),
    ],
)
def test_a_text_may_be_a_list_of_parts(content: Any, text: str | None, reasoning: str | None) -> None:
    """The type of a part gives its kind."""
    reading = read(chunk(content=content), DONE)
    assert (reading.text, reading.reasoning) == (text, reasoning)


def test_refusals_transcripts_and_completions_are_text() -> None:
    """The transcript of audio belongs to the answer, a refusal does not; the second place is read, too."""
    reading = read(
        chunk(audio={"transcript": "Hel"}), event({"choices": [{"text": "lo"}]}), chunk(refusal="No"), DONE
    )
    assert (reading.text, reading.refusal) == ("Hello", "No")


@pytest.mark.parametrize(
    "halves",
    [
        [b'"\\ud83d"', b'"\\ude00"'],
        [b'"\xed\xa0\xbd"', b'"\xed\xb8\x80"'],
        ['"\N{GRINNING FACE}"'.encode(), b'""'],
    ],
)
@READING_LAW
@given(cuts=st.lists(st.integers(1, 120)))
def test_a_character_in_two_halves_is_whole(halves: list[bytes], cuts: list[int]) -> None:
    """Two halves of a character in two events are one character, for each split of the bytes."""
    whole = b"".join(b'data: {"choices": [{"delta": {"content": %b}}]}\n\n' % half for half in halves) + DONE
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    assert read(*(whole[start:end] for start, end in pairwise(edges))).text == "\N{GRINNING FACE}"


def test_half_a_character_and_separators_stay_as_they_are() -> None:
    """A half without its other half is kept, and a line separator of Unicode ends no line."""
    assert read(chunk(content="a\ud83d"), chunk(content="b"), DONE).text == "a\ud83db"
    separators = 'data: {"choices": [{"text": "a\u2028b\u0085c"}]}\n\n'.encode()
    assert read(separators, DONE).text == "a\u2028b\u0085c"


@pytest.mark.parametrize(
    "last", [b"data: [DONE]", b"data:[DONE]\n", b"data:  [DONE] \r\n\r\n", b"data: [DONE]\r"]
)
def test_the_end_needs_no_end_of_its_line(last: bytes) -> None:
    """A stream is complete as soon as its mark has arrived, and ends at this time."""
    reader = AnswerReader(AnswerForm(ANSWERS.validate_python(OPENAI)))
    reader.feed(chunk(content="One"), 1.0)
    assert not reader.is_complete()
    reader.feed(last, 2.0)
    assert reader.is_complete()
    reading = reader.end()
    assert (reading.text, reading.ended_s, reading.problem) == ("One", 2.0, None)


def test_a_value_ends_a_stream_and_its_counts_follow() -> None:
    """After the reason of the end, counts are read, and unreadable data is no failure."""
    usage = event({"choices": [], "usage": {"completion_tokens": 4}})
    reading = read(chunk(content="One"), chunk(finish_reason="stop"), usage, b"data: what\n\n")
    assert (reading.ended_s, reading.tokens, reading.problem) == (2.0, 4, None)


@pytest.mark.parametrize(
    "between", [b"data:\n\n", b"data: \n\n", b"event: ping\ndata: now\n\n", b": hi\n\n", b"id: 1\n\n"]
)
def test_events_without_data_or_of_other_names_are_no_answer(between: bytes) -> None:
    """Empty events, comments and events of another name without JSON are skipped."""
    reading = read(chunk(content="One"), between, DONE)
    assert (reading.text, reading.problem, reading.ended_s) == ("One", None, 3.0)


def test_the_end_of_the_body_may_end_the_answer() -> None:
    """With `done_with_body`, no mark is needed; plain text in the stream is still a problem."""
    answer = {"kind": "sse", "text": "text", "done_with_body": True}
    assert read(event({"text": "One"}), answer=answer).problem is None
    broken = read(event({"text": "One"}), b"runner crashed\n", answer=answer)
    assert broken.problem == "the stream has plain text: runner crashed"


def test_a_requested_value_beside_plain_text_is_read() -> None:
    """The caller's paths count in each event, also in events that have nothing else to read."""
    form = AnswerForm(ANSWERS.validate_python({"kind": "sse", "text": "message", "done_data": "[DONE]"}))
    reader = AnswerReader(form, ("language",))
    reader.feed(b'data: {"message": "Hi", "language": "en"}\n\ndata: [DONE]\n\n', 1.0)
    assert reader.end().values == {"language": "en"}
