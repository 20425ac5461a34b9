"""What is wrong with a file and where, in words: one line for each problem."""

import json
import re
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

Location = tuple[int | str, ...]


def problems(
    error: ValidationError,
    place: Callable[[Location], str] = lambda _: "",
    model: type[BaseModel] | None = None,
    top: Collection[str] | None = None,
) -> str:
    """The problems that pydantic found, one a line.

    Args:
        error: What pydantic raised.
        place: Text to open a line with, from the problem's location; for example `quick.yaml:14: `.
        model: Whose field names are suggested for a misspelt one.
        top: Names at the top level of the file. A scenario may have the fields of its only phase there.
    """
    kinds = _kinds(model)
    found = [(_without(each["loc"], kinds), dict(each)) for each in error.errors()]
    # A list whose only entry is wrong is also called too short; that is no second problem.
    inner = [each for each in found if not any(_inside(other, each[0]) for other, _ in found)]
    lines = []
    for location, problem in inner:
        where = _as_written(location, top)
        lines.append(f"{place(where)}{_sentence({**problem, 'loc': where}, model)}")
    return "\n".join(lines)


def dotted(location: Location) -> str:
    """`("stages", 1, "users")` → `stages[1].users`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def _kinds(model: type[BaseModel] | None) -> dict[str, set[str]]:
    """The kinds that a field can be of, by the field's name.

    Pydantic counts the kind as a part of a place, and nobody wrote it there.
    """
    schema = model.model_json_schema() if model else {}
    models = (schema, *schema.get("$defs", {}).values())
    parts = [part for each in models for part in each.get("properties", {}).items()]
    found = {name: re.findall(r'"mapping": {([^}]*)}', json.dumps(content)) for name, content in parts}
    return {name: set(re.findall(r'"([^"]+)":', " ".join(mappings))) for name, mappings in found.items()}


def _without(location: Location, kinds: dict[str, set[str]]) -> Location:
    kept: list[int | str] = []
    for part in location:
        field = next((each for each in reversed(kept) if isinstance(each, str)), "")
        if part not in kinds.get(field, set()):
            kept.append(part)
    return tuple(kept)


def _as_written(location: Location, top: Collection[str] | None) -> Location:
    """Drop the phase that a scenario with its executor at the top level does not name."""
    if top is not None and "phases" not in top and location[:2] == ("phases", 0):
        return location[2:]
    return location


def _inside(one: Location, other: Location) -> bool:
    return len(one) > len(other) and one[: len(other)] == other


def _sentence(problem: dict[str, Any], model: type[BaseModel] | None) -> str:
    name, context = dotted(problem["loc"]), problem.get("ctx", {})
    match problem["type"]:
        case "missing":
            text = f"{name} is missing"
        case "extra_forbidden":
            text = f"{name} is not a field{_suggestion(problem['loc'], model)}"
        case "greater_than":
            text = f"{name} must be above {context['gt']:g}"
        case "greater_than_equal":
            text = f"{name} must be {context['ge']:g} or more"
        case "too_short":
            text = f"{name} needs {context['min_length']} or more"
        case "value_error":
            text = f"{name}: {context['error']}" if name else str(context["error"])
        case _:
            text = f"{name}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
    return text


def _suggestion(location: Location, model: type[BaseModel] | None) -> str:
    # k6 writes names in camel case: `maxVUs`, `gracefulStop`.
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(location[-1])).lower()
    close = get_close_matches(name, set(_names(model)), n=1) if model else []
    return f", did you mean '{close[0]}'?" if close else ""


def _names(model: type[BaseModel] | None) -> Iterable[str]:
    """All names that the schema of a model uses, whatever the depth."""
    schema = model.model_json_schema() if model else {}
    for part in (schema, *schema.get("$defs", {}).values()):
        yield from part.get("properties", {})
