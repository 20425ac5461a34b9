"""Placeholders of a journey's requests, such as `${saved.id}`: their grammar, and a check of their names."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from bench.core.config.placeholders import VARIABLE, PlaceholderProblem, expand_all
from bench.core.values.nearest import find_nearest

_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
_VARIABLE = re.compile(r"(env|saved|row)\.([^:]+?)(?::-(.*))?", re.DOTALL)
_CALL = re.compile(r"random\.(choice|int)\((.*)\)", re.DOTALL)
# Replaces the dollar of placeholders that only a journey can expand. No file contains it.
_KEPT = "\0{"
_WORDS = frozenset({"message", "uuid", "user.number", "user.iteration"})
_CHOICES = (
    "saved.NAME",
    "row.COLUMN",
    "env.NAME",
    "user.number",
    "user.iteration",
    "uuid",
    "random.choice(a,b)",
    "random.int(1,9)",
    "message",
)


class Placeholder(NamedTuple):
    """A placeholder of a request."""

    source: str
    """Text between the braces."""
    kind: str
    """`env`, `saved`, `row`, `choice`, `int`, or the whole text of the others, such as `user.number`."""
    name: str = ""
    """Name of the variable, saved value or column."""
    default: str | None = None
    """Value if the name has none: `1` in `${saved.page:-1}`."""
    arguments: tuple[str, ...] = ()
    """Arguments of `random.choice` and `random.int`."""


def parse_placeholder(source: str) -> Placeholder:
    """Parse the text between the braces of a placeholder.

    Raises:
        ValueError: It is no placeholder; the message suggests the nearest one.
    """
    if source in _WORDS:
        return Placeholder(source, source)
    variable = _VARIABLE.fullmatch(source)
    if variable is not None:
        kind, name, default = variable.groups()
        return Placeholder(source, kind, name, default)
    call = _CALL.fullmatch(source)
    if call is not None:
        return _parse_call(source, *call.groups())
    nearest = find_nearest(source.strip(), _CHOICES)
    if nearest is not None:
        raise ValueError(f"${{{source}}} is not a placeholder; did you mean ${{{nearest}}}?")
    choices = ", ".join(f"${{{choice}}}" for choice in _CHOICES)
    raise ValueError(f"${{{source}}} is not a placeholder; choices: {choices}")


def _parse_call(source: str, function: str, text: str) -> Placeholder:
    arguments = tuple(argument.strip() for argument in text.split(","))
    if function == "int":
        numbers = [argument for argument in arguments if re.fullmatch(r"-?\d+", argument)]
        if len(arguments) != 2 or len(numbers) != 2 or int(numbers[0]) > int(numbers[1]):  # noqa: PLR2004
            raise ValueError(
                f"${{{source}}}: write the smallest and the largest number: ${{random.int(1,9)}}"
            )
    elif not text.strip():
        raise ValueError(f"${{{source}}}: write the texts to choose from: ${{random.choice(a,b)}}")
    return Placeholder(source, function, arguments=arguments)


def split_text(text: str) -> list[str | Placeholder]:
    """Split a text into its placeholders and the texts between them, without empty ones.

    Raises:
        ValueError: A placeholder is wrong.
    """
    parts: list[str | Placeholder] = []
    for index, part in enumerate(_PLACEHOLDER.split(text)):
        if index % 2:
            parts.append(parse_placeholder(part))
        elif part:
            parts.append(part)
    return parts


def find_placeholders(content: Any) -> Iterator[Placeholder]:
    """Yield the placeholders in every text of a JSON-like value, also in keys; wrong ones are left out."""
    for text, _ in _texts(content, ()):
        for match in _PLACEHOLDER.finditer(text):
            try:
                yield parse_placeholder(match[1])
            except ValueError:
                continue


def is_dynamic(content: Any) -> bool:
    """Return whether a JSON-like value has placeholders that only a journey can expand."""
    return any(mark.kind not in {"env", "message"} for mark in find_placeholders(content))


def expand_environment(content: Any, values: Mapping[str, str], where: str) -> Any:
    """Replace the placeholders of the environment in every text, and keep those of journeys.

    Raises:
        ConfigError: A placeholder has no value and no default, or its value is not of the default's kind.
    """

    def keep(match: re.Match[str]) -> str:
        is_known = match[1].startswith(VARIABLE) or match[1] in values
        return match[0] if is_known else _KEPT + match[0].removeprefix("${")

    kept = _map_texts(content, lambda text: _PLACEHOLDER.sub(keep, text))
    return _map_texts(expand_all(kept, values, where), lambda text: text.replace(_KEPT, "${"))


def _map_texts(content: Any, change: Callable[[str], str]) -> Any:
    match content:
        case str():
            return change(content)
        case dict():
            return {key: _map_texts(value, change) for key, value in content.items()}
        case list() | tuple():
            return [_map_texts(item, change) for item in content]
        case _:
            return content


def find_wrong(
    content: Any, saved: Collection[str] | None, path: tuple[int | str, ...] = ()
) -> Iterator[PlaceholderProblem]:
    """Yield the placeholders that do not exist, and those of values that no earlier step saves.

    Args:
        content: A JSON-like value.
        saved: Names of saved values; `None` to accept all names.
        path: Place of the value in its file.
    """
    for text, place in _texts(content, path):
        for match in _PLACEHOLDER.finditer(text):
            message = _describe(match[1], saved)
            if message is not None:
                yield PlaceholderProblem(place, message)


def find_wrong_calls(content: Any) -> Iterator[PlaceholderProblem]:
    """Yield the placeholders with arguments, such as `${random.int(1,9)}`, that are wrong."""
    for problem in find_wrong(content, None):
        if "(" in problem.message.partition("}")[0]:
            yield problem


def _describe(source: str, saved: Collection[str] | None) -> str | None:
    """Return the error of a placeholder; `None` if it is right."""
    try:
        placeholder = parse_placeholder(source)
    except ValueError as error:
        return str(error)
    return None if saved is None else _describe_unsaved(placeholder, saved)


def find_unsaved(content: Any, saved: Collection[str]) -> Iterator[str]:
    """Yield the error of each saved value that has no default and that no earlier step saves."""
    for placeholder in find_placeholders(content):
        message = _describe_unsaved(placeholder, saved)
        if message is not None:
            yield message


def _describe_unsaved(placeholder: Placeholder, saved: Collection[str]) -> str | None:
    name = placeholder.name
    if placeholder.kind != "saved" or name in saved or placeholder.default is not None:
        return None
    nearest = find_nearest(name, saved)
    if nearest is not None:
        return f"no earlier step saves '{name}'; did you mean ${{saved.{nearest}}}?"
    return f"no earlier step saves '{name}'; saved: {', '.join(saved) or 'nothing'}"


def _texts(content: Any, path: tuple[int | str, ...]) -> Iterator[tuple[str, tuple[int | str, ...]]]:
    match content:
        case str():
            yield content, path
        case dict():
            for key, value in content.items():
                yield str(key), (*path, key)
                yield from _texts(value, (*path, key))
        case list() | tuple():
            for index, value in enumerate(content):
                yield from _texts(value, (*path, index))
