"""Find placeholders that do not exist, before a run expands the others."""

import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from bench.core.values.nearest import find_nearest

# Names of environment variables, and of secrets that bench generates, follow these.
VARIABLE = "env."
SECRET = "secret."  # noqa: S105 - the prefix of placeholders
CONVERSATION = "conversation"
# Blanks are a typing error, which the expansion would send as they are.
_PLACEHOLDER = re.compile(r"\$\{(\s*[A-Za-z_][A-Za-z0-9_.-]*\s*)\}")


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
                message = _describe(match[1], content, names, prefixes)
                if message is not None:
                    yield PlaceholderProblem(path, message)
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
