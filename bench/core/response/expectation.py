"""Check an answer against the expectation of its message.

Each failure states the expected and the actual value.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from bench.core.config.prompts import Expectation
from bench.core.config.step_request import StepCheck
from bench.core.response.answer_content import AnswerContent

_LONGEST_QUOTE = 60


def check_answer(content: AnswerContent, expected: Expectation) -> str | None:
    """Return why a complete answer is not the expected one; `None` if it is."""
    return (
        _check_call(content, expected)
        or _check_refusal(content, expected)
        or _check_finish_reason(content, expected)
        or _check_value(content.values, expected)
        or _check_output(content, expected)
        or _check_text(content, expected)
    )


def check_time(took_ms: float, expected: Expectation) -> str | None:
    """Return why an answer took too long; `None` if it did not."""
    if expected.max_ms is None or took_ms <= expected.max_ms:
        return None
    return f"the response took {took_ms:.0f} ms, expected at most {expected.max_ms:g} ms"


def _check_call(content: AnswerContent, expected: Expectation) -> str | None:
    tool = expected.tool_call
    if tool is None or tool in content.tool_calls or (tool is True and content.tool_calls):
        return None
    wanted = "a call" if tool is True else f"a call of {quote(tool)}"
    return f"the response {_describe_calls(content)}, expected {wanted}"


def _check_refusal(content: AnswerContent, expected: Expectation) -> str | None:
    if not expected.refusal or content.refusal:
        return None
    return f"the response is no refusal, expected one; its text is {quote(content.text or '')}"


def _check_finish_reason(content: AnswerContent, expected: Expectation) -> str | None:
    wanted = expected.finish_reason
    if wanted is None or content.finish_reason == wanted:
        return None
    reason = "missing" if content.finish_reason is None else quote(content.finish_reason)
    return f"the finish reason is {reason}, expected {quote(wanted)}"


def _check_value(values: Mapping[str, Any], expected: Expectation) -> str | None:
    path = expected.json_path
    if path is None:
        return None
    value = values.get(path)
    wanted = unmet_comparison(value, expected)
    if wanted is None:
        return None
    return f"`{path}` is {'missing' if value is None else quote(value)}, expected {wanted}"


def unmet_comparison(value: Any, expected: Expectation | StepCheck) -> str | None:
    """Return the comparison of an expectation that a value does not meet; `None` if it meets it."""
    if expected.equals is not None:
        is_equal = value == expected.equals and isinstance(value, bool) == isinstance(expected.equals, bool)
        return None if is_equal else quote(expected.equals)
    if expected.less is not None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if is_number and value < expected.less else f"a number below {expected.less:g}"
    if expected.matches is not None:
        is_match = value is not None and re.search(expected.matches, json_text(value)) is not None
        return None if is_match else f"a match of {quote(expected.matches)}"
    return "a value" if value is None else None


def _check_output(content: AnswerContent, expected: Expectation) -> str | None:
    """Check that the answer has text, unless the expectation accepts another kind of output."""
    if _is_text(content.text):
        return None
    states_value = expected.equals is not None or (
        expected.json_path is not None and expected.matches is not None
    )
    if expected.tool_call is not None or expected.refusal or states_value:
        return None
    if expected.finish_reason is not None and _has_output(content):
        return None
    return _describe_missing_text(content)


def _check_text(content: AnswerContent, expected: Expectation) -> str | None:
    text = (content.refusal if expected.refusal else content.text) or ""
    if expected.contains is not None and expected.contains not in text:
        return f"the response does not contain {quote(expected.contains)}; its text is {quote(text)}"
    pattern = expected.matches if expected.json_path is None else None
    if pattern is not None and re.search(pattern, text) is None:
        return f"the response does not match {quote(pattern)}; its text is {quote(text)}"
    return None


def _has_output(content: AnswerContent) -> bool:
    """Return whether the model made output of any kind; some servers count reasoning without sending it."""
    sent = _is_text(content.reasoning) or _is_text(content.refusal) or bool(content.tool_calls)
    return sent or bool(content.tokens) or bool(content.reasoning_tokens)


def _describe_missing_text(content: AnswerContent) -> str:
    """Return what an answer without text has instead, and the field of `expect` that accepts it."""
    reason = content.finish_reason
    accepted = ""
    nothing = f"has {content.no_text or 'no text'}"
    if _is_text(content.refusal):
        what = f"is a refusal ({quote(content.refusal)})"
        accepted = "refusal: true"
    elif content.tool_calls:
        what = f"{_describe_calls(content)} and has no text"
        accepted = f"tool_call: {_shorten(content.tool_calls[0])}"
    elif _has_output(content):
        what = "has reasoning but no text" if _is_text(content.reasoning) else nothing
        accepted = f"finish_reason: {_shorten(reason)}" if reason else ""
    else:
        what = nothing
    finished = f" (finish reason {quote(reason)})" if reason else ""
    advice = f"; if this is right, write expect: {{{accepted}}}" if accepted else ""
    return f"the response {what}{finished}{advice}"


def _describe_calls(content: AnswerContent) -> str:
    if not content.tool_calls:
        return "calls no tool"
    return f"calls the tool {', '.join(map(quote, content.tool_calls[:3]))}"


def _is_text(text: str | None) -> bool:
    return text is not None and bool(text.strip())


def json_text(value: Any) -> str:
    """Return text as it is, and any other value as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def quote(value: Any) -> str:
    """Return text in quotes and any other value as it is, shortened."""
    return f"'{_shorten(value)}'" if isinstance(value, str) else _shorten(json_text(value))


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
