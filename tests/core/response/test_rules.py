"""Places of a target that apply only to documents with certain values."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from bench.core.config.prompts import Expectation
from bench.core.config.target import Answer
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_content import AnswerContent
from bench.core.response.answer_form import AnswerForm
from bench.core.response.failure import Response, find_failure
from tests.factories import make_target

ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)
FAILED = {"obj.type": "failed"}
DELTA = {"obj.type": "message_delta"}
RAG: dict[str, Any] = {
    "kind": "ndjson",
    "text": {"path": "obj.content", "where": DELTA},
    "done": {"obj.type": "stop"},
    "milestones": {"first_document": {"obj.type": "documents"}},
}


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """Return a document of a RAG chat."""
    return {"ind": 1, "obj": {"type": kind, **fields}}


DOCUMENTS = event("documents", documents=[{"id": 1}])
STOP = event("stop")


def words(count: int) -> list[dict[str, Any]]:
    """Return this number of documents with text."""
    return [event("message_delta", content=f"{number} ") for number in range(count)]


def read(answer: dict[str, Any], documents: Sequence[Any], batch: int = 1) -> AnswerContent:
    """Return the content of a stream of lines, which arrive in batches; the time of a batch is its index."""
    reader = AnswerReader(AnswerForm(ANSWERS.validate_python(answer)))
    lines = [json.dumps(document).encode() + b"\n" for document in documents]
    for start in range(0, len(lines), batch):
        reader.feed(b"".join(lines[start : start + batch]), float(start))
    return reader.end("application/x-ndjson")


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_text_is_read_only_where_the_condition_holds(batch: int) -> None:
    """Text of another type is not part of the answer, however many documents arrive at once."""
    stream = [
        event("message_start", content="no"),
        DOCUMENTS,
        *words(40),
        event("citation", content="no"),
        STOP,
    ]
    content = read(RAG, stream, batch)
    assert content.problem is None
    assert content.text == "".join(f"{number} " for number in range(40))
    assert len(content.token_times_s) == 40


def test_a_stream_ends_at_the_document_with_the_value() -> None:
    """The end mark is a value; text after it belongs to no answer, and without it the answer was cut off."""
    assert read(RAG, [*words(3), STOP]).ended_s == 3.0
    cut = read(RAG, words(3))
    assert cut.problem is not None
    assert "it has no document with `obj.type` = stop" in cut.problem


def test_several_conditions_must_all_hold() -> None:
    """A document with only one of two values is not read."""
    answer = RAG | {"text": {"path": "obj.content", "where": DELTA | {"ind": 2}}}
    stream = [
        event("message_delta", content="one "),
        {**event("message_delta", content="two"), "ind": 2},
        STOP,
    ]
    assert read(answer, stream).text == "two"


def test_a_list_of_values_stands_for_any_of_them() -> None:
    """Each value of the list is enough."""
    answer = RAG | {"text": {"path": "obj.content", "where": {"obj.type": ["message_delta", "answer"]}}}
    stream = [event("message_delta", content="one "), event("answer", content="two"), STOP]
    assert read(answer, stream).text == "one two"


def test_kinds_of_text_have_conditions_of_their_own() -> None:
    """One path can hold reasoning in some documents and the answer in others."""
    answer = RAG | {
        "text": {
            "content": [{"path": "obj.content", "where": DELTA}],
            "reasoning": {"path": "obj.content", "where": {"obj.type": "reasoning_delta"}},
        }
    }
    thoughts = [event("reasoning_delta", content="hm ") for _ in range(20)]
    content = read(answer, [*thoughts, *words(20), STOP])
    assert (content.reasoning, content.text) == ("hm " * 20, "".join(f"{number} " for number in range(20)))
    assert (content.first_reasoning_s, content.last_reasoning_s, content.first_answer_s) == (0.0, 19.0, 20.0)


@pytest.mark.parametrize(
    "declared",
    [
        {"obj.type": "failed"},
        {"path": "obj.why", "where": {"obj.type": "failed"}},
        ["x", {"obj.type": "failed"}],
    ],
)
def test_a_document_with_the_value_is_an_error(declared: Any) -> None:
    """The words of the server explain the error; a document of another type is none."""
    error = read(RAG | {"error": declared}, [*words(2), event("failed", why="no index")]).error
    assert error is not None
    assert "no index" in error.message
    assert read(RAG | {"error": declared}, [event("ok", why="no index"), *words(2), STOP]).error is None


def test_counts_and_reasons_have_conditions() -> None:
    """Tokens and the reason of the end are read only in documents with the values."""
    answer = RAG | {
        "tokens": {"path": "obj.count", "where": {"obj.type": "usage"}},
        "finish_reason": {"path": "obj.reason", "where": {"obj.type": "stop"}},
    }
    stream = [
        *words(2),
        event("usage", count=7),
        event("documents", count=99, reason="x"),
        event("stop", reason="length"),
    ]
    content = read(answer, stream)
    assert (content.tokens, content.finish_reason) == (7, "length")


@pytest.mark.parametrize(
    ("value", "other"), [(True, 1), (1, True), (0, False), (None, 0), ("1", 1), (1.5, "1.5")]
)
def test_a_value_has_the_type_that_is_declared(value: Any, other: Any) -> None:
    """`true` is not 1, and the text "1" is not the number 1; null also stands for a missing value."""
    answer = RAG | {"done": {"end": value}}
    assert read(answer, [{"end": value}]).ended_s == 0.0
    assert read(answer, [{"end": other}, {"end": [value]}, {"end": {"a": value}}]).ended_s is None


def test_a_milestone_is_the_first_document_that_reaches_it() -> None:
    """Milestones are values, or values at paths; each has the time of the first document."""
    answer = RAG | {
        "milestones": {
            "first_document": {"obj.type": ["documents", "images"]},
            "first_source": ["obj.missing", "obj.documents.0.id"],
            "first_text": DELTA,
            "never": {"obj.type": "tool"},
        }
    }
    stream = [event("start", documents=[]), event("images"), DOCUMENTS, *words(40), DOCUMENTS, STOP]
    content = read(answer, stream)
    assert content.milestones == {"first_document": 1.0, "first_source": 2.0, "first_text": 3.0}


def _read_events(answer: dict[str, Any], events: Sequence[tuple[str | None, str]]) -> AnswerContent:
    reader = AnswerReader(AnswerForm(ANSWERS.validate_python(answer)))
    for number, (name, data) in enumerate(events):
        head = f"event: {name}\n" if name else ""
        reader.feed(f"{head}data: {data}\n\n".encode(), float(number))
    return reader.end("text/event-stream")


NAMED: dict[str, Any] = {
    "kind": "sse",
    "text": {"path": "text", "where": {"event": "delta"}},
    "done": {"event": "end"},
    "milestones": {"sources": {"event": "sources"}},
}


@pytest.mark.parametrize("sources", ["[1, 2]", "none", '{"text": "x"}', ""])
def test_the_name_of_an_event_is_a_value(sources: str) -> None:
    """In server-sent events, `event` is the event's name, whatever its data is."""
    content = _read_events(
        NAMED, [("note", '{"text": "no"}'), ("sources", sources), ("delta", '{"text": "yes"}'), ("end", "")]
    )
    assert (content.text, content.milestones, content.ended_s) == ("yes", {"sources": 1.0}, 3.0)
    assert (content.error, content.problem) == (None, None)


def test_a_field_event_is_the_name_of_an_event_without_one() -> None:
    """Some servers write the name into the data."""
    deltas = [{"event": "delta", "text": "a"}] * 20
    documents = [{"event": "sources"}, *deltas, {"event": "end"}]
    content = _read_events(NAMED, [(None, json.dumps(document)) for document in documents])
    assert (content.text, content.milestones, content.ended_s) == ("a" * 20, {"sources": 0.0}, 21.0)


def test_a_user_who_leaves_at_a_milestone_has_an_answer() -> None:
    """The answer ends at the milestone; it needs neither text nor an end mark."""
    reader = AnswerReader(AnswerForm(ANSWERS.validate_python(RAG)))
    reader.feed(json.dumps(event("start")).encode() + b"\n", 1.0)
    assert not reader.reaches("first_document")
    reader.feed(json.dumps(DOCUMENTS).encode() + b"\n", 2.0)
    assert reader.reaches("first_document")
    reader.leave("first_document")
    content = reader.end("application/x-ndjson")
    assert (content.left, content.ended_s) == (True, 2.0)
    assert find_failure(Response(200, "", content, 1.0), Expectation()) is None


def test_missing_text_names_the_condition() -> None:
    """The explanation shows the place with its condition, and what the answer has instead."""
    content = read(RAG, [event("message", content="Hello there"), STOP])
    assert content.no_text is not None
    assert content.no_text.startswith("no text at `obj.content` where `obj.type` = message_delta; ")
    assert content.no_text.endswith("the answer has `obj.content`: 'Hello there'")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ({"path": "a"}, "text.rule.where"),
        ({"path": "a", "where": {}}, "text.rule.where"),
        ({"path": "a", "where": {"b": {"c": 1}}}, "text.rule.where.b"),
        ({"path": "a", "where": {"b": []}}, "text.rule.where.b"),
        ({"path": "a", "when": {"b": 1}}, "text.rule.where"),
        ([{"content": "a"}], "text.list.0.rule.path"),
    ],
)
def test_a_wrong_rule_is_refused(text: Any, where: str) -> None:
    """A rule has a path and at least one condition, whose values are texts, numbers, true, false or null."""
    with pytest.raises(ValidationError) as caught:
        ANSWERS.validate_python(RAG | {"text": text})
    assert ".".join(map(str, caught.value.errors()[0]["loc"])).startswith(f"ndjson.{where}")


def test_a_target_with_rules_is_written_as_it_was_read() -> None:
    """Rules keep their form in files."""
    target = make_target(answer=RAG)
    assert target.model_dump(mode="json", exclude_defaults=True)["answer"] == RAG
    assert target.milestones == ("first_document",)
