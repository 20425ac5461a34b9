from typing import Any

import pytest

from bench.core.config.placeholders import expand, expand_all, expand_value, find_unknown, list_variables
from bench.errors import ConfigError

VALUES = {"env.MODEL": "llama3", "env.EMPTY": "", "env.N": "12", "agent.url": "http://a:1"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("${env.MODEL:-qwen2.5:0.5b}", "llama3"),
        ("${env.UNSET:-qwen2.5:0.5b}", "qwen2.5:0.5b"),
        ("${env.EMPTY:-small}", "small"),
        ("${env.EMPTY}", ""),
        ("${env.UNSET:-}", ""),
        ("${env.UNSET:-${agent.url}}/v1", "http://a:1/v1"),
        ("${env.UNSET:-a b, c-d: $5}", "a b, c-d: $5"),
        ("a ${env.MODEL:-x} b ${env.UNSET:-y} c", "a llama3 b y c"),
    ],
)
def test_a_default_stands_for_a_variable_that_is_unset_or_empty(text: str, expanded: str) -> None:
    """As in a shell, `:-` gives a default; it may hold another placeholder."""
    assert expand(text, VALUES, "here") == expanded


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${env.UNSET:-64}", 64),
        ("${env.N:-64}", 12),
        ("${env.UNSET:-0.5}", 0.5),
        ("${env.UNSET:-1e3}", 1000.0),
        ("${env.UNSET:-false}", False),
        ("${env.UNSET:-007}", "007"),
        ("${env.UNSET:-64} tokens", "64 tokens"),
        ("${env.N}", "12"),
    ],
)
def test_the_default_decides_the_kind_of_a_value(text: str, value: Any) -> None:
    """A number, true or false as the default of a text without other letters makes a value of this kind."""
    expanded = expand_value(text, VALUES, "here")
    assert expanded == value
    assert type(expanded) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${env.MODEL:-64}", "${env.MODEL:-64} must be a number, not 'llama3'"),
        ("${env.N:-true}", "${env.N:-true} must be true or false, not '12'"),
        ("${env.UNSET:-${env.OTHER}}", "${env.OTHER} has no value"),
    ],
)
def test_a_value_of_another_kind_is_an_error(text: str, message: str) -> None:
    """The error has the place and the placeholder."""
    with pytest.raises(ConfigError) as caught:
        expand_all({"options": [text]}, VALUES, "targets/mine.yaml: body")
    assert caught.value.message == f"targets/mine.yaml: body: {message}"


def test_a_missing_model_is_named_on_the_command_line() -> None:
    """The hint for the variable MODEL is the option that sets it."""
    with pytest.raises(ConfigError) as caught:
        expand("${env.MODEL}", {}, "here")
    assert caught.value.hint == "name the model: --model NAME"


def test_placeholders_in_defaults_are_checked_too() -> None:
    """A misspelt placeholder is found wherever it stands."""
    problems = list(find_unknown({"a": ["${env.X:-${mesage}}"]}, ("message",)))
    assert [problem.path for problem in problems] == [("a", 0)]
    assert problems[0].message == "${mesage} is not a placeholder; did you mean ${message}?"
    assert not list(find_unknown("${env.X:-${message}}", ("message",)))


def test_the_variables_of_a_text_include_those_of_defaults() -> None:
    """Each name is listed once, in the order of the text."""
    assert list_variables("${env.B:-${env.A}} ${env.C} ${env.B} ${agent.url}") == ("B", "A", "C")
