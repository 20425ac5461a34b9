"""The variables of the caller's environment that a load uses."""

from collections.abc import Mapping

from bench.core.config.placeholders import list_variables
from bench.core.config.run_spec import RunSpec


def select_variables(spec: RunSpec, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a load uses: those of its placeholders, and those that its turns declare."""
    names: dict[str, None] = {}
    for part in spec.parts:
        scenario = part.scenario.model_dump(mode="json", exclude={"messages"})
        for content in (scenario, *(target.model_dump(mode="json") for target in part.targets)):
            names |= dict.fromkeys(_list_used(content))
        names |= dict.fromkeys(part.scenario.variables)
    return {name: environ[name] for name in names if name in environ}


def _list_used(content: object) -> tuple[str, ...]:
    """Return the variables in every text of a JSON-like value."""
    match content:
        case str():
            return list_variables(content)
        case dict():
            return tuple(name for value in content.values() for name in _list_used(value))
        case list():
            return tuple(name for value in content for name in _list_used(value))
        case _:
            return ()
