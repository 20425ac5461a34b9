import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatstack.intent import extraction_answer, extraction_prompt, form_to_publish, triggers


@pytest.mark.parametrize(
    "text", ["publish it", "Please DEPLOY", "registered users", "unpublished", "a Register form"]
)
def test_three_words_trigger_an_extraction(text: str) -> None:
    """A text with publish, deploy or register, in any case, makes the agent ask the model."""
    assert triggers(text)


@pytest.mark.parametrize("text", ["", "hello", "pub lish", "make a form with name and email"])
def test_other_words_trigger_no_extraction(text: str) -> None:
    """Any other text goes to the model directly."""
    assert not triggers(text)


@pytest.mark.parametrize(
    ("text", "form_id"),
    [
        ("publish form 42", "42"),
        ("publish form id 42", "42"),
        ("deploy Form: abc-1_x", "abc-1_x"),
        ("register form #7, please", "7"),
        ('publish """form 665f1c""" now', "665f1c"),
        ("publish\nform\n665f1c2b9d3e4a0011223344", "665f1c2b9d3e4a0011223344"),
        ("publish form 1 and form 2", "1"),
    ],
)
def test_the_model_returns_the_first_form_id(text: str, form_id: str) -> None:
    """The answer to the extraction prompt has the first form id of the message."""
    assert form_to_publish(extraction_answer(extraction_prompt(text))) == form_id


@pytest.mark.parametrize("text", ["publish my form", "how do I publish?", "show form 42", "publish 42"])
def test_the_model_returns_no_form_id(text: str) -> None:
    """A message without an id, or with another wish, has no form id."""
    answer = extraction_answer(extraction_prompt(text))
    assert json.loads(answer) == {"publish": False, "form_id": None}
    assert form_to_publish(answer) is None


def test_a_prompt_without_the_extraction_text_has_no_form_id() -> None:
    """The model reads a message only inside the extraction prompt."""
    assert json.loads(extraction_answer("publish form 42")) == {"publish": False, "form_id": None}


@given(st.text())
def test_any_text_can_be_extracted(text: str) -> None:
    """For any message the answer of the model is JSON that the agent can read."""
    form_id = form_to_publish(extraction_answer(extraction_prompt(text)))
    assert form_id is None or form_id in text


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Sure! I published it.",
        "[]",
        '"42"',
        '{"form_id": "42"}',
        '{"publish": false, "form_id": "42"}',
        '{"publish": "yes", "form_id": "42"}',
        '{"publish": true}',
        '{"publish": true, "form_id": null}',
        '{"publish": true, "form_id": ""}',
        '{"publish": true, "form_id": 42}',
    ],
)
def test_only_a_complete_answer_publishes(answer: str) -> None:
    """Only `publish: true` with a text as the form id publishes a form."""
    assert form_to_publish(answer) is None
