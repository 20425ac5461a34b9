from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.target import JsonAnswer, NdjsonAnswer, SseAnswer, Target
from bench.core.config.tier_sources import Durations
from tests.factories import make_target

NDJSON: dict[str, Any] = {"kind": "ndjson", "text": "message.content", "done": "done"}
SSE: dict[str, Any] = {"kind": "sse", "text": "choices.0.delta.content", "done_data": "[DONE]"}


def find_error(**changes: Any) -> str:
    """Return the location of the first error of a target."""
    with pytest.raises(ValidationError) as caught:
        make_target(**changes)
    return ".".join(str(part) for part in caught.value.errors()[0]["loc"])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [({"kind": "json", "text": "data.message"}, JsonAnswer), (SSE, SseAnswer), (NDJSON, NdjsonAnswer)],
)
def test_the_kind_selects_the_fields_of_an_answer(answer: dict[str, Any], kind: type) -> None:
    """Each kind has its own fields; every kind may have token counts, durations and markers."""
    (read,) = make_target(answer=answer).forms
    assert isinstance(read, kind)
    assert (read.tokens, read.durations, read.intercepted) == (None, None, None)


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ({"text": "a"}, "answer.one"),
        ({"kind": "xml", "text": "a"}, "answer.one"),
        ({"kind": "json"}, "answer.one.json.text"),
        ({"kind": "json", "text": "a", "done": "b"}, "answer.one.json.done"),
        ({"kind": "ndjson", "text": "a"}, "answer.one.ndjson"),
        (NDJSON | {"done_data": "[DONE]"}, "answer.one.ndjson.done_data"),
        ({"kind": "json", "text": "a", "done_with_body": True}, "answer.one.json.done_with_body"),
    ],
)
def test_a_field_of_another_kind_is_refused(answer: dict[str, Any], where: str) -> None:
    """An answer has the required fields of its own kind, and no fields of another kind."""
    assert find_error(answer=answer) == where


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a b", "a.\n", "a\n"])
def test_a_path_without_a_name_is_refused(path: str) -> None:
    """A path has a name before and after each dot, without spaces."""
    assert find_error(answer={"kind": "json", "text": path}) == "answer.one.json.text.path"


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("a", {"content": ("a",)}),
        (["a", "b"], {"content": ("a", "b")}),
        ({"content": "a", "reasoning": ["b", "c"]}, {"content": ("a",), "reasoning": ("b", "c")}),
    ],
)
def test_text_has_places_of_several_kinds(text: Any, places: dict[str, tuple[str, ...]]) -> None:
    """Text is declared by a path, a list of paths or a map of kinds, and is written as it was read."""
    target = make_target(answer={"kind": "json", "text": text})
    assert target.forms[0].text_places == places
    assert target.model_dump(mode="json")["answer"]["text"] == text


@pytest.mark.parametrize("mark", [{"done": "done"}, {"done": ["a", "b"]}, {"done_with_body": True}])
@pytest.mark.parametrize("kind", ["sse", "ndjson"])
def test_a_stream_ends_at_any_mark(kind: str, mark: dict[str, Any]) -> None:
    """A stream of each kind may end at a value or with its body."""
    read = make_target(answer={"kind": kind, "text": "a"} | mark).answer
    assert read.model_dump(mode="json", exclude_defaults=True) == {"kind": kind, "text": "a"} | mark


def test_durations_have_a_unit() -> None:
    """Durations are in nanoseconds, microseconds, milliseconds or seconds; the total is optional."""
    durations = Durations.model_validate({"unit": "ns", "tiers": {"decode": "eval_duration"}})
    assert (durations.total, durations.rest) == (None, "queue")
    for wrong in (
        {"unit": "h", "tiers": {"a": "x"}},
        {"unit": "ms", "tiers": {"a tier": "x"}},
        {"unit": "s"},
    ):
        with pytest.raises(ValidationError):
            Durations.model_validate(wrong)


@pytest.mark.parametrize("answer", [{"kind": "json", "text": "a", "tokens": "n.o"}, SSE, NDJSON])
def test_a_target_survives_json(answer: dict[str, Any]) -> None:
    """A target that is written and read again is the same, for each kind of answer."""
    target = make_target(answer=answer, headers={"X-Key": "${env.KEY}"}, body={"deep": {"list": [1, None]}})
    assert Target.model_validate_json(target.model_dump_json()) == target
