"""Placeholders in texts: `${NAME}`, and `${env.NAME:-default}`, which has a value without the variable.

A text that is only a placeholder with a number, true or false as default stands for a value of this kind.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from bench.core.values.nearest import find_nearest, suggest
from bench.errors import ConfigError

# Names of environment variables, and of secrets that bench generates, follow these.
VARIABLE = "env."
SECRET = "secret."  # noqa: S105 - the prefix of placeholders
CONVERSATION = "conversation"

MODEL = "MODEL"
"""Variable that names the model; `--model` sets it for one run."""
# Name, and default after `:-`. Blanks around the name are a typing error. A default may hold placeholders
# without a default.
_PLACEHOLDER = re.compile(
    r"\$\{(?P<name>\s*[A-Za-z_][A-Za-z0-9_.-]*\s*)(?::-(?P<default>(?:[^${}]|\$(?!\{)|\$\{[^{}]*\})*))?\}"
)
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_BOOLEANS = {"true": True, "false": False}


class KeepsPlaceholders:
    """Mark of a field whose texts keep their placeholders until a run uses them.

    Their values may be secrets, which no result contains. Variables in other fields are expanded when the
    file is read, so that their values are part of the result.

    Args:
        is_literal: The texts have no placeholders at all.
    """

    def __init__(self, *, is_literal: bool = False) -> None:
        self.is_literal = is_literal


KEEPS_PLACEHOLDERS = KeepsPlaceholders()
LITERAL = KeepsPlaceholders(is_literal=True)


class PlaceholderProblem(NamedTuple):
    """A placeholder that has no value."""

    path: tuple[int | str, ...]
    """Keys and list indexes of the text that has it."""
    message: str
    """The problem and its cure."""


def find_unknown(
    content: Any,
    names: Collection[str],
    prefixes: tuple[str, ...] = (VARIABLE,),
    path: tuple[int | str, ...] = (),
) -> Iterator[PlaceholderProblem]:
    """Yield the unknown placeholders in every text of a JSON-like value.

    Args:
        content: The value.
        names: Placeholders that have a value.
        prefixes: Beginnings of placeholders whose value is known only when a run starts.
        path: Place of the value in its file.
    """
    match content:
        case str():
            for match in _PLACEHOLDER.finditer(content):
                message = _describe(match["name"], content, names, prefixes)
                if message is not None:
                    yield PlaceholderProblem(path, message)
                yield from find_unknown(match["default"], names, prefixes, path)
        case dict():
            for key, value in content.items():
                yield from find_unknown(value, names, prefixes, (*path, key))
        case list() | tuple():
            for index, value in enumerate(content):
                yield from find_unknown(value, names, prefixes, (*path, index))


def refuse(problems: Collection[PlaceholderProblem], title: str) -> None:
    """Raise the error of all problems, for a validator.

    Raises:
        ValidationError: There is a problem.
    """
    details = []
    for problem in problems:
        error = PydanticCustomError("placeholder", "{message}", {"message": problem.message})
        details.append(InitErrorDetails(type=error, loc=problem.path, input=None))
    if details:
        raise ValidationError.from_exception_data(title, details)


def _describe(name: str, text: str, names: Collection[str], prefixes: tuple[str, ...]) -> str | None:
    """Return the error of a placeholder; None if it has a value."""
    if name == CONVERSATION and name in names and text != f"${{{CONVERSATION}}}":
        return f"${{{name}}} is a list of messages, so it must be the whole text"
    if name in names or name.startswith(prefixes):
        return None
    possible = [*names, *(f"{prefix}NAME" for prefix in prefixes)]
    nearest = name.strip() if name.strip() in names else find_nearest(name.strip(), possible)
    if nearest is not None:
        return f"${{{name}}} is not a placeholder; did you mean ${{{nearest}}}?"
    choices = ", ".join(f"${{{choice}}}" for choice in possible)
    return f"${{{name}}} is not a placeholder; choices: {choices or 'none'}"


def has_variables(text: str) -> bool:
    """Return whether a text has a placeholder of an environment variable."""
    return f"${{{VARIABLE}" in text


def list_variables(text: str) -> tuple[str, ...]:
    """Return the names of the environment variables that a text uses as `${env.NAME}`, in their order."""
    return list_names(text, VARIABLE)


def list_names(text: str, prefix: str) -> tuple[str, ...]:
    """Return the names that follow a prefix in the placeholders of a text, each once and in their order."""
    names: dict[str, None] = {}
    for match in _PLACEHOLDER.finditer(text):
        if match["name"].startswith(prefix):
            names[match["name"].removeprefix(prefix)] = None
        for name in list_names(match["default"] or "", prefix):
            names[name] = None
    return tuple(names)


def environment_values(environ: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables as values of placeholders: `{"A": "b"}` → `{"env.A": "b"}`."""
    return {f"{VARIABLE}{name}": value for name, value in environ.items()}


def expand(text: str, values: Mapping[str, str], where: str) -> str:
    """Replace the placeholders of a text by their values. Placeholders in values stay.

    Args:
        text: Text with placeholders.
        values: Values by the placeholder's name.
        where: Place of the text, for the error message.

    Raises:
        ConfigError: A placeholder has no value and no default.
    """

    def value(match: re.Match[str]) -> str:
        default = match["default"]
        given = values.get(match["name"])
        if given or (given is not None and default is None):
            return given
        if default is not None:
            return expand(default, values, where)
        raise ConfigError(f"{where}: ${{{match['name']}}} has no value", _cure(match["name"], values))

    return _PLACEHOLDER.sub(value, text)


def expand_value(text: str, values: Mapping[str, str], where: str) -> Any:
    """Replace the placeholders of a text, like `expand`, and return a value of the kind of its default.

    Returns:
        A number, true or false if the text is only a placeholder with such a default; else a text.

    Raises:
        ConfigError: A placeholder has no value and no default, or its value is not of the default's kind.
    """
    expanded = expand(text, values, where)
    match = _PLACEHOLDER.fullmatch(text)
    default = None if match is None else match["default"]
    if default in _BOOLEANS:
        if expanded not in _BOOLEANS:
            raise ConfigError(f"{where}: {text} must be true or false, not '{expanded}'")
        return _BOOLEANS[expanded]
    if default is not None and _NUMBER.fullmatch(default):
        if not _NUMBER.fullmatch(expanded):
            raise ConfigError(f"{where}: {text} must be a number, not '{expanded}'")
        return float(expanded) if set(expanded) & set(".eE") else int(expanded)
    return expanded


def expand_all(content: Any, values: Mapping[str, str], where: str) -> Any:
    """Replace the placeholders in every text of a JSON-like value; see `expand_value`."""
    match content:
        case str():
            return expand_value(content, values, where)
        case dict():
            return {key: expand_all(value, values, where) for key, value in content.items()}
        case list() | tuple():
            return [expand_all(value, values, where) for value in content]
        case _:
            return content


def check_variables(text: str, environ: Mapping[str, str]) -> None:
    """Check that each variable of a text has a value, and that it is of the kind of its default.

    Raises:
        ConfigError: A variable has no value, or one of another kind. The message begins with a colon, which
            follows the place of the text.
    """
    others = {match["name"]: match[0] for match in _PLACEHOLDER.finditer(text)}
    values = environment_values(environ)
    for name, placeholder in others.items():
        if not name.startswith(VARIABLE):
            values[name] = placeholder
    expand_value(text, values, "")


def expand_defaults(content: Any, values: Mapping[str, str]) -> Any:
    """Expand the placeholders that have a default, in every text of a JSON-like value; the others stay.

    A variable without a default may be a secret, so its value is not part of what makes runs comparable.
    """
    return _expand_some(content, values, lambda match: match["default"] is not None)


def expand_chosen(content: Any, variables: Mapping[str, str], *, as_text: bool = False) -> Any:
    """Expand the placeholders of some variables, in every text of a JSON-like value; the others stay.

    Args:
        content: The value.
        variables: The variables.
        as_text: Keep numbers as texts, for values such as variables of a process.
    """
    values = environment_values(variables)
    return _expand_some(content, values, lambda match: match["name"] in values, as_text=as_text)


def _expand_some(
    content: Any,
    values: Mapping[str, str],
    is_wanted: Callable[[re.Match[str]], bool],
    *,
    as_text: bool = False,
) -> Any:
    match content:
        case str():
            return _expand_some_in(content, values, is_wanted, as_text=as_text)
        case dict():
            return {
                key: _expand_some(value, values, is_wanted, as_text=as_text) for key, value in content.items()
            }
        case list() | tuple():
            return [_expand_some(value, values, is_wanted, as_text=as_text) for value in content]
        case _:
            return content


def _expand_some_in(
    text: str, values: Mapping[str, str], is_wanted: Callable[[re.Match[str]], bool], *, as_text: bool
) -> Any:
    kept: dict[str, str] = {}
    wanted = False
    for match in _PLACEHOLDER.finditer(text):
        if is_wanted(match):
            wanted = True
        else:
            kept[match["name"]] = match[0]
    try:
        if not wanted:
            return text
        return (expand if as_text else expand_value)(text, {**values, **kept}, "")
    except ConfigError:
        return text  # the error has a better place where the text is used


def _cure(name: str, values: Mapping[str, str]) -> str:
    """Return what a person can do about a placeholder without a value."""
    if name == f"{VARIABLE}{MODEL}":
        return "name the model: --model NAME"
    if name.startswith(VARIABLE):
        variable = name.removeprefix(VARIABLE)
        return f"export {variable}=…, or write a default: ${{{name}:-…}}"
    return suggest(name, [other for other in values if not other.startswith(VARIABLE)])
