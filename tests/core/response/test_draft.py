import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from bench.core.config.target import Answer
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_form import AnswerForm
from bench.core.response.draft import Draft, draft_answer, list_missing
from bench.core.response.stream import MAX_EVENT_BYTES

ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


def _events(*documents: Any, last: str = "") -> bytes:
    lines = [f"data: {json.dumps(document)}\n\n" for document in documents]
    return "".join([*lines, last]).encode()


def _lines(*documents: Any) -> bytes:
    return "".join(f"{json.dumps(document)}\n" for document in documents).encode()


def _delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"choices": [], "usage": {"completion_tokens": 2}}
BODIES = {
    "a chat of OpenAI": _events(
        _delta(role="assistant", content=""), _delta(content="One"), _delta(content=" two"), END, USAGE,
        last="data: [DONE]\n\n",
    ),
    "reasoning before the text": _events(
        _delta(reasoning="I think"), _delta(content="One"), END, last="data: [DONE]\n\n"
    ),
    "a whole document of OpenAI": json.dumps(
        {"choices": [{"message": {"role": "assistant", "content": "One"}}], "usage": {"completion_tokens": 1}}
    ).encode(),
    "a chat of Ollama": _lines(
        {"model": "m", "message": {"content": "One"}, "done": False},
        {"model": "m", "message": {"content": ""}, "done": True, "done_reason": "stop", "eval_count": 2},
    ),
    "a prompt of Ollama": json.dumps({"response": "One", "done": True, "eval_count": 2}).encode(),
    "named events": b'event: delta\ndata: {"delta": {"text": "One"}}\n\nevent: message_stop\ndata: {}\n\n',
    "llama.cpp": _events(
        {"content": "One", "stop": False}, {"content": "", "stop": True, "tokens_predicted": 1}
    ),
    "an unknown place": _events(
        {"id": "a", "result": {"part": {"words": "One two three"}}},
        {"id": "b", "result": {"part": {"words": "four"}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_draft_reads_the_answer_that_it_was_made_from(name: str) -> None:
    """It has text and no problem, and nothing is missing in it."""
    draft = draft_answer(BODIES[name])
    assert draft is not None
    declared = ANSWER.validate_python(draft)
    reader = AnswerReader(AnswerForm(declared))
    reader.feed(BODIES[name], 1.0)
    content = reader.end()
    assert (content.problem, content.error) == (None, None)
    assert (content.text or "").startswith("One")
    assert list_missing(declared, draft) == {}


def test_a_draft_prefers_the_longest_text_to_a_known_place_of_another_kind() -> None:
    """Text at a known place of reasoning stays reasoning, and the longest other text is the content."""
    deep = {
        "a": {"b": {"c": {"d": {"e": {"f": {"g": "too deep to be looked at, though it is the longest"}}}}}}
    }
    body = _events(
        {
            "thinking": "a long thought about it",
            "out": {"words": "the answer"},
            "x.y": "no path names this",
            **deep,
        }
    )
    draft = draft_answer(body)
    assert draft is not None
    assert draft["text"] == {"content": "out.words", "reasoning": "thinking"}


def test_the_events_before_an_oversized_one_make_the_draft() -> None:
    """A stream that breaks off by its own fault still shows where its text is."""
    draft = draft_answer(_events({"text": "One"}, last="data: " + "x" * (MAX_EVENT_BYTES + 1)))
    assert draft is not None
    assert draft["text"] == "text"


@pytest.mark.parametrize(
    "body", [b"", b"<html>no</html>", b"no", b"{", b"[1]", b"data: \n\n", b"data: {}\n\n"]
)
def test_a_body_without_text_has_no_draft(body: bytes) -> None:
    """No declaration would read it."""
    assert draft_answer(body) is None


@pytest.mark.parametrize(
    ("declared", "missing"),
    [
        (
            {"text": "choices.0.delta.content", "done_data": "[DONE]"},
            {
                "text": {"content": "choices.0.delta.content", "reasoning": "choices.0.delta.reasoning"},
                "finish_reason": "choices.0.finish_reason",
            },
        ),
        (
            {
                "text": {"content": "choices.0.delta.text", "reasoning": "choices.0.delta.reasoning"},
                "finish_reason": "choices.0.finish_reason",
                "done_event": "end",
            },
            {
                "text": {
                    "content": ["choices.0.delta.text", "choices.0.delta.content"],
                    "reasoning": "choices.0.delta.reasoning",
                },
                "done_data": "[DONE]",
                "done": "choices.0.finish_reason",
            },
        ),
    ],
)
def test_the_missing_parts_complete_a_declaration(declared: Draft, missing: Draft) -> None:
    """Declared places stay, and a mark is missing only if the answer has none of the declared ones."""
    draft = draft_answer(BODIES["reasoning before the text"])
    assert draft is not None
    answer = ANSWER.validate_python({"kind": "sse", **declared})
    assert list_missing(answer, draft) == missing
    whole = ANSWER.validate_python({"kind": "sse", **declared, **missing})
    assert "text" not in list_missing(whole, draft)


def test_another_kind_of_answer_needs_the_whole_draft() -> None:
    """No part of the declaration fits."""
    draft = draft_answer(BODIES["a chat of Ollama"])
    assert draft is not None
    answer = ANSWER.validate_python({"kind": "json", "text": "response"})
    assert list_missing(answer, draft) == draft
