from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.prompts import Expectation
from bench.core.response.answer_content import AnswerContent
from bench.core.response.expectation import check_answer, check_time

CALL: dict[str, Any] = {"tool_calls": ("get_weather",), "finish_reason": "tool_calls"}
CUT: dict[str, Any] = {"reasoning": "Let me think", "finish_reason": "length", "tokens": 64}
REFUSED: dict[str, Any] = {"refusal": "I cannot help with that.", "finish_reason": "stop"}


def check(expect: dict[str, Any], **content: Any) -> str | None:
    """Return why an answer with this content is not the expected one."""
    return check_answer(AnswerContent(**content), Expectation.model_validate(expect))


@pytest.mark.parametrize(
    ("expect", "content"),
    [
        ({}, {"text": "Hello"}),
        ({}, {"text": "Hello", "reasoning": "Hm"}),
        ({"contains": "ell"}, {"text": "Hello"}),
        ({"matches": "^H.*o$"}, {"text": "Hello"}),
        ({"matches": "(?i)HELLO"}, {"text": "Hello"}),
        ({"tool_call": True}, CALL),
        ({"tool_call": "get_weather"}, CALL),
        ({"tool_call": "get_weather"}, CALL | {"text": "One moment"}),
        ({"tool_call": "b"}, {"tool_calls": ("a", "b")}),
        ({"refusal": True}, REFUSED),
        ({"refusal": True, "contains": "cannot"}, REFUSED),
        ({"finish_reason": "length"}, CUT),
        ({"finish_reason": "length"}, {"finish_reason": "length", "reasoning_tokens": 64}),
        ({"finish_reason": "stop"}, {"finish_reason": "stop", "text": "Hello"}),
        ({"json": "a.b", "equals": 5}, {"values": {"a.b": 5.0}}),
        ({"json": "a.b", "equals": True}, {"values": {"a.b": True}}),
        ({"json": "a.b", "matches": "^x+$"}, {"values": {"a.b": "xx"}}),
        ({"json": "a.b", "matches": '"k": 1'}, {"values": {"a.b": {"k": 1}}}),
        ({"json": "a.b", "less": 5}, {"values": {"a.b": 4.9}, "text": "Hello"}),
    ],
)
def test_an_expected_answer_has_no_failure(expect: dict[str, Any], content: dict[str, Any]) -> None:
    """An answer needs text, unless the expectation names another kind of output or its value."""
    assert check(expect, **content) is None


@pytest.mark.parametrize(
    ("expect", "content", "detail"),
    [
        ({"contains": "bye"}, {"text": "Hello"}, "does not contain 'bye'; its text is 'Hello'"),
        ({"matches": "^e"}, {"text": "Hello"}, "does not match '^e'; its text is 'Hello'"),
        ({"tool_call": True}, {"text": "Hello"}, "calls no tool, expected a call"),
        ({"tool_call": "b"}, {"tool_calls": ("a",)}, "calls the tool 'a', expected a call of 'b'"),
        ({"refusal": True}, {"text": "Sure"}, "is no refusal, expected one; its text is 'Sure'"),
        ({"refusal": True, "contains": "x"}, REFUSED, "does not contain 'x'; its text is 'I cannot"),
        ({"finish_reason": "length"}, {"text": "Hi"}, "finish reason is missing, expected 'length'"),
        ({"finish_reason": "stop"}, CUT, "finish reason is 'length', expected 'stop'"),
        ({"json": "a", "equals": 5}, {"text": "Hi"}, "`a` is missing, expected 5"),
        ({"json": "a", "equals": 5}, {"values": {"a": "5"}}, "`a` is '5', expected 5"),
        ({"json": "a", "equals": 1}, {"values": {"a": True}}, "`a` is true, expected 1"),
        ({"json": "a", "less": 5}, {"values": {"a": 5}}, "`a` is 5, expected a number below 5"),
        ({"json": "a", "less": 5}, {"values": {"a": "4"}}, "`a` is '4', expected a number below 5"),
        ({"json": "a", "matches": "x"}, {"values": {"a": "y"}}, "`a` is 'y', expected a match of 'x'"),
        ({"json": "a", "matches": ""}, {"text": "Hi"}, "`a` is missing, expected a match of ''"),
    ],
)
def test_a_failure_states_the_expected_and_the_actual_value(
    expect: dict[str, Any], content: dict[str, Any], detail: str
) -> None:
    """Each check names what it expected and what the answer has."""
    assert detail in (check(expect, **content) or "")


@pytest.mark.parametrize(
    ("content", "what", "accepted"),
    [
        (CALL, "calls the tool 'get_weather' and has no text", {"tool_call": "get_weather"}),
        (CUT, "has reasoning but no text (finish reason 'length')", {"finish_reason": "length"}),
        (REFUSED, "is a refusal ('I cannot help with that.')", {"refusal": True}),
    ],
)
def test_an_answer_without_text_names_the_expectation_that_accepts_it(
    content: dict[str, Any], what: str, accepted: dict[str, Any]
) -> None:
    """Reasoning, a tool call or a refusal alone fail, and the failure shows the field that accepts them."""
    detail = check({}, **content) or ""
    ((name, value),) = accepted.items()
    assert what in detail
    assert f"write expect: {{{name}: {str(value).replace('True', 'true')}}}" in detail
    assert check(accepted, **content) is None


@pytest.mark.parametrize("text", [None, "", " \n\t"])
@pytest.mark.parametrize("expect", [{}, {"finish_reason": "stop"}, {"json": "n", "less": 9}])
def test_an_empty_answer_is_never_right(text: str | None, expect: dict[str, Any]) -> None:
    """An answer without any output fails, even if its end and its counts are the expected ones."""
    assert check(expect, text=text, finish_reason="stop", values={"n": 0}) == (
        "the response has no text (finish reason 'stop')"
    )


def test_a_long_text_is_shortened() -> None:
    """A detail quotes only the beginning of a long text."""
    detail = check({"contains": "y" * 500}, text="x" * 500) or ""
    assert len(detail) < 200


def test_an_answer_has_a_largest_time() -> None:
    """The response time may be equal to the limit; without a limit, any time is right."""
    expected = Expectation(max_ms=200)
    assert check_time(200.0, expected) is None
    assert check_time(250.2, expected) == "the response took 250 ms, expected at most 200 ms"
    assert check_time(1e9, Expectation()) is None


@pytest.mark.parametrize(
    "expect",
    [
        {"status": 400, "contains": "x"},
        {"status": 400, "tool_call": True},
        {"status": 404, "json": "a", "equals": 1},
        {"equals": 1},
        {"json": "a"},
        {"json": "a", "equals": 1, "less": 2},
        {"matches": "("},
        {"tool_call": False},
        {"refusal": True, "tool_call": True},
        {"max_ms": 0},
    ],
)
def test_an_expectation_that_no_answer_meets_is_refused(expect: dict[str, Any]) -> None:
    """Fields that contradict each other, and expressions that cannot be used, are errors."""
    with pytest.raises(ValidationError):
        Expectation.model_validate(expect)
