"""The messages of a run: classes, counts, and messages that no longer get an answer."""

import pytest

from bench.core.config.prompts import Prompt
from bench.core.run.messages import (
    MessageUse,
    Uses,
    never_sent,
    refusals_of,
    vanished_messages,
    warn_of_messages,
)
from bench.core.run.summary import summarise
from bench.core.samples.sample import Outcome
from tests.factories import make_recording, make_run, make_sample, make_spec


def uses(requests: dict[str, int], failed: dict[str, int] | None = None) -> Uses:
    """The messages of a run with these requests, of which some failed."""
    return {
        name: MessageUse(message_class="short", requests=count, ok=count - (failed or {}).get(name, 0))
        for name, count in requests.items()
    }


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"text": "Hello"}, "short"),
        ({"text": "x" * 1000}, "short"),
        ({"text": "x" * 1001}, "long"),
        ({"text": "Hello", "class": "greetings"}, "greetings"),
        ({"text": "", "expect": {"status": 400}}, "refusal"),
        ({"text": "x" * 5000, "expect": {"refusal": True}}, "refusal"),
    ],
)
def test_a_message_has_a_class(message: dict[str, object], expected: str) -> None:
    """By its label, as an expected refusal, or by its length."""
    assert Prompt.model_validate({"id": "a", **message}).classes == {"a": expected}


def test_the_messages_of_a_conversation_have_classes_of_their_own() -> None:
    """A long message after a short one is long; a label is that of the whole conversation."""
    texts = {"id": "a", "text": "Hello", "then": ["x" * 2000]}
    assert Prompt.model_validate(texts).classes == {"a": "short", "a.2": "long"}
    assert Prompt.model_validate({**texts, "class": "b"}).classes == {"a": "b", "a.2": "b"}


def test_a_message_that_must_be_refused_has_no_other_class() -> None:
    """A refusal takes milliseconds, so it never joins the messages that get an answer."""
    with pytest.raises(ValueError, match="has the class refusal; remove class"):
        Prompt.model_validate({"id": "a", "text": "", "class": "b", "expect": {"status": 400}})


def test_a_class_is_written_only_if_it_is_set() -> None:
    """Files and digests of messages without a class stay the same."""
    assert "class" not in Prompt(id="a", text="b").model_dump(exclude_defaults=True)


def test_a_result_has_the_requests_of_each_message() -> None:
    """Also of a message that was never sent, and without cancelled requests."""
    samples = [
        make_sample(0, prompt="greeting"),
        make_sample(1, prompt="greeting", outcome=Outcome.HTTP_ERROR),
        make_sample(2, prompt="contact-form", outcome=Outcome.CANCELLED),
    ]
    messages = make_run(make_recording(samples)).summary.messages
    assert messages["greeting"] == MessageUse(message_class="short", requests=2, ok=1)
    assert messages["contact-form"] == MessageUse(message_class="short", requests=0)
    assert never_sent(messages) == ("contact-form", "file-upload", "long-migration")


def test_a_run_names_the_messages_that_it_did_not_send() -> None:
    """A message without a request has no figure, so it cannot get slower."""
    run = make_run(make_recording([make_sample(0, prompt="greeting")]))
    expected = "3 of 4 messages were not sent: contact-form, file-upload and long-migration; "
    assert [warning for warning in run.warnings if warning.startswith(expected)]
    many = uses({f"row-{number:03}": int(number == 7) for number in range(200)})
    (warning,) = warn_of_messages(many)
    assert warning.startswith("199 of 200 messages were not sent: row-000, row-001, row-002, row-003, ")
    assert "row-004 and 194 more" in warning
    assert [*warn_of_messages(uses({"a": 1}))] == []


def test_a_request_without_a_declared_message_has_a_class() -> None:
    """Steps of a journey are requests, not messages."""
    summary = summarise(make_recording([make_sample(0, prompt="upload")]))
    assert summary.messages == {"upload": MessageUse(message_class="request", requests=1, ok=1)}


def test_refusals_are_found_by_their_class() -> None:
    """Their messages are compared with themselves only."""
    refusing = Prompt.model_validate({"id": "empty", "text": "", "expect": {"status": 400}})
    spec = make_spec().model_copy(update={"prompts": (refusing, Prompt(id="a", text="b"))})
    run = make_run(make_recording([make_sample(0, prompt="empty", latency_ms=1.0)]), spec=spec)
    assert refusals_of(run.summary.messages) == {"empty"}


def test_a_message_without_any_answer_vanished() -> None:
    """All of its requests failed, although they never did before."""
    base = [uses({"a": 4, "b": 4, "c": 4})] * 5
    head = uses({"a": 4, "b": 4, "c": 4}, failed={"b": 4})
    assert vanished_messages(base, [head]) == ("b",)
    assert vanished_messages(base, [uses({"a": 4, "b": 4, "c": 4}, failed={"b": 3})]) == ()


def test_a_message_that_is_not_sent_any_more_vanished() -> None:
    """A dozen of its requests were expected in three runs."""
    base = [uses({"a": 4, "b": 4, "c": 4})] * 3
    assert vanished_messages(base, [uses({"a": 6, "b": 6})] * 3) == ("c",)


def test_a_rare_message_is_absent_by_chance() -> None:
    """A slower run sends fewer requests: of 5,000 messages it sends some of the first ones."""
    base = [uses({f"row-{number}": 1 for number in range(50)})] * 3
    head = [uses({f"row-{number}": 1 for number in range(47)})] * 3
    assert vanished_messages(base, head) == ()


def test_failures_that_the_base_has_too_do_not_make_a_message_vanish() -> None:
    """One request in two fails in the base, so two failures of one message are no news."""
    base = [uses({"a": 10, "b": 10}, failed={"a": 5, "b": 5})] * 5
    assert vanished_messages(base, [uses({"a": 2, "b": 2}, failed={"b": 2})]) == ()
    assert vanished_messages(base, [uses({"a": 20, "b": 20}, failed={"b": 20})]) == ("b",)


def test_a_message_that_never_had_an_answer_cannot_vanish() -> None:
    """Nothing was lost."""
    base = [uses({"a": 10, "b": 10}, failed={"b": 10})] * 5
    assert vanished_messages(base, [uses({"a": 20, "b": 20}, failed={"b": 20})]) == ()
    assert vanished_messages([], [uses({"a": 1})]) == ()
    assert vanished_messages([uses({"a": 1})], []) == ()
