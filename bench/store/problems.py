"""Describe the errors of a file: one sentence per error, with the field and the nearest correct name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bench.core.config.executors import EXECUTORS
from bench.core.config.field_advice import explain_unknown_field, suggest_executors
from bench.core.config.scenario import Scenario
from bench.core.values.nearest import find_nearest
from bench.core.values.record import FieldError
from bench.store.fields import list_fields

Location = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One error of a file."""

    location: Location
    """Keys and list indexes from the top of the file to the wrong field."""
    sentence: str
    """Field and error in words."""


@dataclass(frozen=True, slots=True)
class _Error:
    """An error of pydantic, and the file that has it."""

    details: ErrorDetails
    location: Location
    content: Any
    model: type[BaseModel]

    @property
    def name(self) -> str:
        return format_location(self.location)

    @property
    def context(self) -> Mapping[str, Any]:
        return self.details.get("ctx", {})

    @property
    def input(self) -> Any:
        return self.details["input"]


def list_problems(error: ValidationError, content: Any, model: type[BaseModel]) -> list[Problem]:
    """Return the errors that pydantic found, each once and in their order.

    Args:
        error: Error that pydantic raised.
        content: The file's content, as YAML or JSON.
        model: Expected content.
    """
    problems: list[Problem] = []
    for details in error.errors():
        location = _locate(details, content)
        problem = Problem(location, _describe(_Error(details, location, content, model)))
        if problem not in problems:
            problems.append(problem)
    # Pydantic also calls a list too short if its only entry is wrong.
    outer: set[Location] = set()
    for problem in problems:
        outer |= {problem.location[:depth] for depth in range(len(problem.location))}
    return [problem for problem in problems if problem.location not in outer]


def format_location(location: Location) -> str:
    """Write a location as people read it: `("phases", 1, "vus")` → `phases[1].vus`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _locate(details: ErrorDetails, content: Any) -> Location:
    """Return the location as the file has it: without the kinds of a union, which pydantic adds.

    A scenario may have the fields of its only phase at the top level: then `phases` and 0 are left out too.
    """
    parts = [*details["loc"], *_list_inner_parts(details)]
    names_field = details["type"] == "missing" or len(parts) > len(details["loc"])
    location: list[int | str] = []
    node = content
    for part in parts:
        if _has_part(node, part):
            node = node[part]
            location.append(part)
    if names_field and location[-1:] != parts[-1:]:
        location.append(parts[-1])
    return tuple(location)


def _list_inner_parts(details: ErrorDetails) -> Location:
    """Return the way from the value that pydantic refuses to the field that is wrong."""
    context = details.get("ctx", {})
    error = context.get("error")
    if isinstance(error, FieldError):
        return error.path
    return (_read_discriminator(context),) if "discriminator" in context else ()


def _has_part(node: Any, part: int | str) -> bool:
    match node:
        case Mapping():
            return part in node
        case list() | tuple():
            return isinstance(part, int) and part < len(node)
        case _:
            return False


def _describe(error: _Error) -> str:
    """Return an error in words: field, error and advice."""
    kind = error.details["type"]
    if kind in _SENTENCES:
        return _SENTENCES[kind](error)
    if kind in _BOUNDS:
        return f"{error.name} {_BOUNDS[kind].format(**error.context)}"
    if kind in _TYPES:
        cure = (
            "; write it in quotes" if kind == "string_type" and isinstance(error.input, int | float) else ""
        )
        return f"{error.name} {_TYPES[kind]}, not {_shorten(error.input)}{cure}"
    message = error.details["msg"]
    return f"{error.name}: {message[0].lower()}{message[1:]}"


def _describe_missing(error: _Error) -> str:
    if error.model is Scenario and error.location == ("phases",):
        return f"executor is missing; write one of {', '.join(EXECUTORS)}, or several below phases"
    return f"{error.name} is missing"


def _describe_missing_kind(error: _Error) -> str:
    if error.location[-1] == "executor":
        return f"{error.name} is missing; write executor: {suggest_executors(error.input)}"
    return f"{error.name} is missing"


def _describe_wrong_kind(error: _Error) -> str:
    return f"{error.name}: {_choose(error.context['tag'], error.context['expected_tags'])}"


def _describe_wrong_choice(error: _Error) -> str:
    return f"{error.name}: {_choose(error.input, error.context['expected'])}"


def _describe_wrong_value(error: _Error) -> str:
    message = str(error.context["error"])
    if not error.name:
        return message
    return f"{error.name} {message}" if message.startswith("is missing") else f"{error.name}: {message}"


def _describe_unknown_field(error: _Error) -> str:
    field = str(error.location[-1])
    if error.model is Scenario and (phase := _find_phase(error.location, error.content)) is not None:
        explanation = explain_unknown_field(
            field,
            phase.get("executor"),
            at_top=len(error.location) == 1,
            has_phases="phases" in error.content,
        )
        return f"{error.name} {explanation}"
    nearest = find_nearest(field, list_fields(error.model, error.details["loc"][:-1]))
    suggestion = f"; did you mean '{nearest}'?" if nearest else ""
    return f"{error.name} is not a field{suggestion}"


def _find_phase(location: Location, content: Any) -> Mapping[str, Any] | None:
    """Return the object of a scenario that has a field of an executor; None for deeper fields."""
    phase: Mapping[str, Any] | None = None
    match location:
        case (_,):
            phase = content
        case ("phases", int(index), _):
            phase = content["phases"][index]
    return phase


def _choose(name: Any, quoted_names: str) -> str:
    """Suggest a name from a text that lists names in quotes, as pydantic writes it."""
    names = re.findall(r"'([^']+)'", quoted_names)
    nearest = find_nearest(str(name), names)
    suggestion = f"did you mean '{nearest}'? " if nearest else ""
    return f"'{name}' does not exist; {suggestion}choices: {', '.join(names)}"


def _read_discriminator(context: Mapping[str, Any]) -> str:
    return str(context["discriminator"]).strip("'")


def _shorten(value: Any) -> str:
    text = _WORDS.get(repr(value), repr(value))
    return text if len(text) <= _LONGEST_INPUT else f"{text[:_LONGEST_INPUT]}…"


_LONGEST_INPUT = 40
# Values that YAML writes in another way than Python.
_WORDS = {"None": "null", "True": "true", "False": "false"}
_WHOLE_NUMBER = "must be a whole number"
_NUMBER = "must be a number"
_BOOLEAN = "must be true or false"
_OBJECT = "must be a map of names to values"
# Pydantic's errors by their type: https://docs.pydantic.dev/latest/errors/validation_errors/
_SENTENCES: dict[str, Callable[[_Error], str]] = {
    "missing": _describe_missing,
    "extra_forbidden": _describe_unknown_field,
    "union_tag_not_found": _describe_missing_kind,
    "union_tag_invalid": _describe_wrong_kind,
    "literal_error": _describe_wrong_choice,
    "value_error": _describe_wrong_value,
}
_BOUNDS = {
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be {le:g} or less",
    "too_short": "needs {min_length} or more",
    "string_too_short": "needs {min_length} or more characters",
}
_TYPES = {
    "int_parsing": _WHOLE_NUMBER,
    "int_type": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "finite_number": "must be a finite number",
    "string_type": "must be text",
    "bool_parsing": _BOOLEAN,
    "bool_type": _BOOLEAN,
    "tuple_type": "must be a list",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
}
