import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatstack.intent import extraction_answer, extraction_prompt, form_to_publish, triggers


@pytest.mark.parametrize(
    "text", ["publish it", "Please DEPLOY", "registered users", "unpublished", "a Register form"]
)
def test_three_words_make_the_agent_ask(text: str) -> None:
    """A text that contains publish, deploy or register, in any case, makes the agent ask."""
    assert triggers(text)


@pytest.mark.parametrize("text", ["", "hello", "pub lish", "make a form with name and email"])
def test_other_words_do_not(text: str) -> None:
    """Any other text does not."""
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
def test_the_model_finds_the_forms_id(text: str, form_id: str) -> None:
    """Asked about a message that asks to publish, the model names the first form id in it."""
    assert form_to_publish(extraction_answer(extraction_prompt(text))) == form_id


@pytest.mark.parametrize("text", ["publish my form", "how do I publish?", "show form 42", "publish 42"])
def test_the_model_finds_none(text: str) -> None:
    """A message without an id, or that asks for something else, names no form."""
    answer = extraction_answer(extraction_prompt(text))
    assert json.loads(answer) == {"publish": False, "form_id": None}
    assert form_to_publish(answer) is None


def test_a_prompt_that_is_not_the_question_names_none() -> None:
    """Without the agent's question around it a message is not read."""
    assert json.loads(extraction_answer("publish form 42")) == {"publish": False, "form_id": None}


@given(st.text())
def test_any_text_can_be_asked_about(text: str) -> None:
    """Whatever a message says, the model's answer is JSON that the agent understands."""
    found = form_to_publish(extraction_answer(extraction_prompt(text)))
    assert found is None or found in text


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
def test_only_a_clear_answer_publishes(answer: str) -> None:
    """A model's answer that is not exactly a yes with an id publishes nothing."""
    assert form_to_publish(answer) is None
