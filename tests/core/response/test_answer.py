import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bench.core.config.target import Answer
from bench.core.config.tier_sources import Durations
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_content import AnswerContent
from bench.core.response.answer_error import AnswerError
from bench.core.response.answer_form import AnswerForm
from bench.core.response.paths import value_at
from bench.core.response.server_words import find_words
from bench.core.response.stream import MAX_EVENT_BYTES
from bench.core.response.tier_times import TierReader
from tests.laws import READING_LAW

ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)
OLLAMA_TIMES = {
    "unit": "ns",
    "tiers": {"load": "load_duration", "prefill": "prompt_eval_duration", "decode": "eval_duration"},
    "total": "total_duration",
}
JSON: dict[str, Any] = {"kind": "json", "text": "data.message", "tokens": "usage.tokens"}
OLLAMA: dict[str, Any] = {
    "kind": "ndjson", "text": "response", "done": "done", "tokens": "eval_count", "durations": OLLAMA_TIMES,
}  # fmt: skip
OPENAI: dict[str, Any] = {
    "kind": "sse",
    "text": "choices.0.delta.content",
    "tokens": "usage.completion_tokens",
    "done_data": "[DONE]",
}
CHAT: dict[str, Any] = {
    "kind": "sse",
    "text": "message",
    "tokens": "tokens",
    "done_event": "done",
    "error_event": "error",
    "durations": {"unit": "ms", "tiers": {"queue": "timing.queue"}},
}
LAST = {
    "response": "", "done": True, "eval_count": 2, "total_duration": 10_000_000, "load_duration": 1_000_000,
    "prompt_eval_duration": 2_000_000, "eval_duration": 3_000_000,
}  # fmt: skip


def lines(*documents: object) -> bytes:
    """Return documents, one per line."""
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def events(*documents: object) -> bytes:
    """Return documents as server-sent events."""
    return b"".join(b"data: " + json.dumps(document).encode() + b"\n\n" for document in documents)


def delta(text: str) -> dict[str, object]:
    """Return a piece of an answer in OpenAI's form."""
    return {"choices": [{"delta": {"role": "assistant", "content": text}}]}


WHOLE_OLLAMA = lines({"response": "Hel"}, {"response": "lo"}, LAST)
WHOLE_OPENAI = (
    events(delta(""), delta("Hel"), delta("lo"), {"choices": [], "usage": {"completion_tokens": 9}})
    + b"data: [DONE]\n\n"
)
WHOLE_CHAT = (
    events({"message": "Hel"}, {"message": "lo"})
    + b'event: done\ndata: {"tokens": 5, "timing": {"queue": 1.5}}\n\n'
)


def read(answer: dict[str, Any], *parts: bytes) -> AnswerContent:
    """Read parts that arrive one second apart, the first at second 1."""
    reader = AnswerReader(AnswerForm(ANSWERS.validate_python(answer)))
    for second, part in enumerate(parts, 1):
        reader.feed(part, float(second))
    return reader.end()


def test_a_document_is_read_at_the_declared_paths() -> None:
    """Text and count are at the declared paths; a document has no first token."""
    whole = json.dumps({"data": {"message": "Hello"}, "usage": {"tokens": 7}}).encode()
    reading = read(JSON, whole[:9], whole[9:])
    assert (reading.text, reading.tokens, reading.problem) == ("Hello", 7, None)
    assert reading.token_times_s == []


def test_a_stream_is_read_with_the_times_of_its_tokens() -> None:
    """The first and the last piece of text have the times at which they arrived."""
    reading = read(OLLAMA, *(line + b"\n" for line in WHOLE_OLLAMA.splitlines()))
    assert (reading.text, reading.tokens) == ("Hello", 2)
    assert reading.token_times_s == [1.0, 2.0]
    assert reading.tier_times == pytest.approx({"load": 1.0, "prefill": 2.0, "decode": 3.0, "queue": 4.0})


def test_the_last_line_needs_no_end() -> None:
    """A stream whose last line has no end is complete."""
    assert read(OLLAMA, WHOLE_OLLAMA.rstrip()).problem is None


def test_an_event_without_text_is_not_a_token() -> None:
    """In a stream with a role first and counts last, only the texts are tokens."""
    reading = read(OPENAI, *(part + b"\n\n" for part in WHOLE_OPENAI.split(b"\n\n") if part))
    assert (reading.text, reading.tokens, reading.problem) == ("Hello", 9, None)
    assert reading.token_times_s == [2.0, 3.0]


def test_the_last_event_may_have_a_name() -> None:
    """Counts and tiers are read from the event that ends the stream."""
    reading = read(CHAT, WHOLE_CHAT)
    assert (reading.text, reading.tokens, reading.tier_times) == ("Hello", 5, {"queue": 1.5})


@pytest.mark.parametrize(
    ("answer", "whole"), [(OLLAMA, WHOLE_OLLAMA), (OPENAI, WHOLE_OPENAI), (CHAT, WHOLE_CHAT)]
)
@READING_LAW
@given(cuts=st.lists(st.integers(1, 400)))
def test_the_split_does_not_matter(answer: dict[str, Any], whole: bytes, cuts: list[int]) -> None:
    """For every split of the bytes, the answer is the same."""
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    parts = [whole[start:end] for start, end in pairwise(edges)]
    one, other = read(answer, *parts), read(answer, whole)
    assert (one.text, one.tokens, one.tier_times, one.problem) == (
        other.text,
        other.tokens,
        other.tier_times,
        None,
    )


@pytest.mark.parametrize(
    ("answer", "content", "problem"),
    [
        (JSON, b"<html>", "200 a page of HTML where a JSON document was expected: <html>"),
        (JSON, b"{", "not JSON"),
        (JSON, b'{"data": {}}<b>Fatal error</b>', "char 12): '<b>Fatal error</b>'"),
        (JSON, b"[1]", "not a JSON object"),
        (JSON, b"", "the body is empty"),
        (OLLAMA, b"", "the body is empty"),
        (OLLAMA, lines({"response": "Hel"}), "ended before it was done: it has no value at `done`"),
        (OLLAMA, b"what\n", "the stream has plain text: what"),
        (OLLAMA, b"{what\n", "not JSON"),
        (OPENAI, events(delta("a")), "ended before it was done: it has no `data: [DONE]`"),
        (CHAT, events({"message": "a"}), "ended before it was done: it has no event `done`"),
        (OLLAMA, b"x" * (MAX_EVENT_BYTES + 1), "longer than 1048576 bytes"),
        (CHAT, b"data: " + b"x" * MAX_EVENT_BYTES, "longer than 1048576 bytes"),
    ],
)
def test_each_defect_has_its_problem(answer: dict[str, Any], content: bytes, problem: str) -> None:
    """Each defect of an answer has its own problem text, and none raises."""
    assert problem in (read(answer, content).problem or "")


def test_bytes_after_an_endless_event_are_ignored() -> None:
    """After an event without end, later bytes cost no memory and change no result."""
    reading = read(OLLAMA, b"x" * (MAX_EVENT_BYTES + 1), WHOLE_OLLAMA)
    assert (reading.text, reading.tokens) == (None, None)


@pytest.mark.parametrize(
    ("path", "value"),
    [("a.b.1.c", 2), ("a.b.2.c", None), ("a.b.x", None), ("a", {"b": [{"c": 1}, {"c": 2}]}), ("n.o", None)],
)
def test_a_path_leads_into_lists_and_objects(path: str, value: object) -> None:
    """Names select values of objects and numbers select items of lists; other paths give None."""
    assert value_at({"a": {"b": [{"c": 1}, {"c": 2}]}, "n": 3}, path) == value


@pytest.mark.parametrize("value", [-1, True, "5", None, 1e300, [1], 10**400])
def test_invalid_durations_are_skipped(value: object) -> None:
    """A value that cannot be a duration is skipped."""
    durations = Durations.model_validate({"unit": "s", "tiers": {"load": "a"}, "total": "t"})
    assert TierReader(durations).read_document({"a": value, "t": value}) == {}
    assert TierReader(durations).read_document({"a": 2.0, "t": 1.5}) == {"load": 2000.0, "queue": 0.0}


@pytest.mark.parametrize("tokens", [True, -1, 0, 0.0, 1.5, "7", 10**400, None])
def test_invalid_counts_are_skipped(tokens: object) -> None:
    """Only a whole number above 0 is a count of tokens."""
    content = json.dumps({"data": {"message": "x"}, "usage": {"tokens": tokens}}).encode()
    assert read(JSON, content).tokens is None


@pytest.mark.parametrize("answer", [JSON, OLLAMA, OPENAI, CHAT])
@READING_LAW
@given(parts=st.lists(st.binary(max_size=40) | st.sampled_from([WHOLE_OLLAMA, WHOLE_OPENAI, WHOLE_CHAT])))
def test_no_bytes_raise(answer: dict[str, Any], parts: list[bytes]) -> None:
    """For any bytes, the reader returns a result and never raises."""
    reading = read(answer, *parts)
    assert reading.text is None or reading.token_times_s or answer is JSON


@READING_LAW
@given(st.lists(st.sampled_from(["", "a", "bc"]), max_size=8), st.lists(st.integers(1, 300)))
def test_tokens_have_the_times_of_the_parts_that_end_them(texts: list[str], cuts: list[int]) -> None:
    """A token's time is the time of the part that completes its event."""
    whole = lines(*({"response": text} for text in texts), LAST)
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    reading = read(OLLAMA, *(whole[start:end] for start, end in pairwise(edges)))
    ends = [index for index, byte in enumerate(whole) if byte == ord("\n")]
    came = [
        next(second for second, edge in enumerate(edges) if edge > end)
        for end, text in zip(ends, texts, strict=False)
        if text
    ]
    assert reading.token_times_s == came
    assert reading.text == ("".join(texts) or None)


@pytest.mark.parametrize("content", [{"role": "assistant"}, {"content": None}, {"content": 5}, {}])
def test_a_delta_without_text_is_not_a_token(content: dict[str, object]) -> None:
    """A role, an empty text, and a value that is not a text are neither tokens nor errors."""
    first, rest = events({"choices": [{"delta": content}]}), WHOLE_OPENAI
    reading = read(OPENAI, first, rest)
    assert (reading.text, reading.token_times_s[0], len(reading.token_times_s)) == ("Hello", 2.0, 2)
    assert reading.problem is None


def test_a_stream_that_breaks_keeps_its_text() -> None:
    """The text before an error is kept, and so is the error."""
    reading = read(CHAT, events({"message": "Hel"}), b'event: error\ndata: {"error": "broke"}\n\n')
    assert (reading.text, reading.token_times_s) == ("Hel", [1.0])
    assert reading.error == AnswerError("broke")


def test_the_end_of_the_stream_ends_its_last_line() -> None:
    """Text in a line that the end of the stream completes has the time of the last part."""
    last = json.dumps({"response": "!", "done": True}).encode()
    reading = read(OLLAMA, lines({"response": "Hello"}), last)
    assert (reading.text, reading.token_times_s[0], reading.token_times_s[-1]) == ("Hello!", 1.0, 2.0)
    assert (reading.problem, reading.tier_times) == (None, {})


@pytest.mark.parametrize("done", ["", " ", "null", 1, False, None, [], {}])
def test_a_value_that_is_neither_true_nor_a_text_ends_no_stream(done: object) -> None:
    """A stream ends at `true` or at a text, such as a reason to stop."""
    assert "ended before" in (read(OLLAMA, lines({"response": "a", "done": done})).problem or "")
    assert read(OLLAMA, lines({"response": "a", "done": "stop"})).problem is None


@pytest.mark.parametrize("answer", [OLLAMA, OPENAI])
def test_each_event_must_be_a_json_object(answer: dict[str, Any]) -> None:
    """Each event of a stream is a JSON object."""
    whole = events({}, [1]) if answer is OPENAI else lines({}, [1])
    reading = read(answer, whole)
    assert (reading.text, reading.problem) == (None, "not a JSON object: [1]")


def test_an_answer_without_declared_counts_has_no_count() -> None:
    """Without declared paths, no count and no duration is read."""
    plain = {"kind": "json", "text": "data.message"}
    reading = read(plain, b'{"data": {"message": "x"}, "usage": {"tokens": 7}}')
    assert (reading.text, reading.tokens, reading.tier_times) == ("x", None, {})


@READING_LAW
@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_the_rest_is_the_total_without_the_tiers(load_ns: int, decode_ns: int) -> None:
    """Tiers and rest add up to the total, and the rest is never negative."""
    durations = Durations.model_validate(OLLAMA_TIMES)
    total_ns = 10**12
    tiers = TierReader(durations).read_document(
        {"load_duration": load_ns, "eval_duration": decode_ns, "total_duration": total_ns}
    )
    assert tiers.keys() == {"load", "decode", "queue"}
    assert tiers["queue"] >= 0.0
    assert sum(tiers.values()) == pytest.approx(max(total_ns, load_ns + decode_ns) / 1e6)


def test_a_path_has_no_negative_index() -> None:
    """A list is indexed from 0: a negative number or a name gives None."""
    document = {"a": [1, 2]}
    assert [value_at(document, path) for path in ("a.0", "a.-1", "a.b", "b.0", "a.0.c")] == [
        1,
        None,
        None,
        None,
        None,
    ]


def one_by_one(documents: list[bytes], kind: str = "sse") -> AnswerContent:
    """Return the text, the count and the problem from parsing each document with the standard library."""
    reading, texts = AnswerContent(), list[str]()
    for content in filter(None, documents):
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            is_json = content.startswith((b"{", b"["))
            problem = (
                f"not JSON: {error}{rest_of(error)}"
                if is_json
                else f"the stream has plain text: {content.decode()}"
            )
            set_problem(reading, problem)
            continue
        if not isinstance(document, dict):
            set_problem(reading, f"not a JSON object: {find_words(content)}")
            continue
        if kind == "ndjson" and document.get("done") is True:
            reading.ended_s = 1.0
        reading.tokens = document.get("eval_count", reading.tokens)
        if isinstance(document.get("response"), str):
            texts.append(document["response"])
    reading.text = "".join(texts) or None
    reading.token_times_s = [1.0] * len(texts)
    return reading


def rest_of(error: Exception) -> str:
    """Return the text after a complete document, as the problem shows it."""
    if not isinstance(error, json.JSONDecodeError) or error.msg != "Extra data":
        return ""
    return f": {error.doc[error.pos :][:80]!r}"


def set_problem(reading: AnswerContent, problem: str) -> None:
    """Keep the first problem before the end of an answer."""
    if reading.problem is None and reading.ended_s is None:
        reading.problem = problem.encode(errors="replace").decode()


def outline(reading: AnswerContent) -> tuple[object, ...]:
    """Return the content that the standard library alone can confirm."""
    return reading.text, reading.tokens, reading.problem, reading.token_times_s


DOCUMENTS = st.sampled_from(
    [
        b'{"response": "a"}',
        b'{"response": "b", "eval_count": 3}',
        b'{"response": "\\ud83d"}',
        b'{"response": NaN}',
        b'{"response": "x", "big": 1e999}',
        b'{"response": 7}',
        b'{"response": ["',
        b'"]}',
        b'{"response": "x", "more": [{}',
        b"{}]}",
        b'{"response": "n", "deep": ' + b"[" * 2000 + b"]" * 2000 + b"}",
        b"1,2",
        b"{},{}",
        b"]",
        b"[",
        b"",
        b"null",
        b'{"done": true}',
        b'{"response": "\xff"}',
    ]
)


@pytest.mark.parametrize("kind", ["sse", "ndjson"])
@READING_LAW
@given(documents=st.lists(DOCUMENTS, max_size=8), many=st.booleans())
def test_reading_events_together_gives_the_same_result(kind: str, documents: list[bytes], many: bool) -> None:
    """Text, counts, times and the first problem are those of parsing events one by one."""
    documents *= 40 if many else 1
    if kind == "sse":
        answer = OPENAI | {"text": "response", "tokens": "eval_count"}
        whole = b"".join(b"data: %b\n\n" % document for document in documents) + b"data: [DONE]\n\n"
    else:
        answer = {"kind": "ndjson", "text": "response", "tokens": "eval_count", "done": "done"}
        documents = [document for document in documents if document] + [b'{"done": true}']
        whole = b"\n".join(documents)
    assert outline(read(answer, whole)) == outline(one_by_one(documents, kind))


@pytest.mark.parametrize(
    "documents",
    [
        [b'{"a": [{}', b"{}]}", b"{},{}"],
        [b'{"response": "a"}, {"response": "b"}', b'{"a": [{}', b"{}]}"],
        [b'{"response": "a"', b'"b": 1}', b"{},{}"],
    ],
)
@pytest.mark.parametrize("before", [0, 61, 62, 63])
def test_brackets_that_match_across_events_are_not_json(documents: list[bytes], before: int) -> None:
    """Events that would be valid JSON only together are refused."""
    documents = [b'{"response": "p"}'] * before + documents
    answer = OPENAI | {"text": "response", "tokens": "eval_count"}
    parts = [b"data: %b\n\n" % document for document in documents] + [b"data: [DONE]\n\n"]
    expected = one_by_one(documents)
    assert (expected.problem or "").startswith("not JSON")
    for content in (read(answer, *parts), read(answer, b"".join(parts))):
        assert (content.text, content.problem, content.tokens) == (
            expected.text,
            expected.problem,
            expected.tokens,
        )


@READING_LAW
@given(documents=st.lists(DOCUMENTS, min_size=1, max_size=12), cuts=st.lists(st.integers(1, 400)))
def test_every_split_gives_the_same_content(documents: list[bytes], cuts: list[int]) -> None:
    """Text, counts and the first problem do not depend on the split, even of broken streams."""
    answer = OPENAI | {"text": "response", "tokens": "eval_count"}
    whole = b"".join(b"data: %b\n\n" % document for document in documents * 10)
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    one, other = read(answer, *(whole[start:end] for start, end in pairwise(edges))), read(answer, whole)
    assert (one.text, one.tokens, one.problem) == (other.text, other.tokens, other.problem)


def test_the_error_before_an_endless_event_is_kept() -> None:
    """An event before one that is too long is read, even if both arrive in one part."""
    flood = b"event: error\ndata: no memory\n\ndata: " + b"x" * MAX_EVENT_BYTES
    reading = read(CHAT, events({"message": "a"}) + flood)
    assert (reading.text, reading.error) == ("a", AnswerError("no memory"))
    assert "longer than" in (reading.problem or "")


def test_a_document_may_arrive_in_many_parts() -> None:
    """A document is read as a whole, in any number of parts."""
    whole = json.dumps({"data": {"message": "Hello" * 50}}).encode()
    assert read(JSON, *(bytes([byte]) for byte in whole)).text == "Hello" * 50


def test_an_unfinished_stream_shows_the_words_of_its_last_event() -> None:
    """The last event of a stream without its end mark is often the reason; a text is not repeated."""
    cut = read(OPENAI, events(delta("a"), {"response": {"failure": {"message": "The model failed"}}}))
    assert "; its last event has `response.failure.message`: 'The model failed'" in (cut.problem or "")
    cut = read(OPENAI, events({"detail": "warming up"}, delta("a")))
    assert "last event" not in (cut.problem or "")


@pytest.mark.parametrize(
    "end", [b"event: done\n\n", b"event: done\ndata:\n\n", b"event: done\ndata: null\n\n"]
)
def test_an_event_without_data_ends_an_answer(end: bytes) -> None:
    """The event that ends an answer needs no data."""
    content = read(CHAT, events({"message": "a"}) + end)
    assert (content.text, content.problem, content.ended_s is None) == ("a", None, False)
