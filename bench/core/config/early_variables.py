"""Variables in the fields of a file that are read at once, such as numbers: `vus: "${env.VUS:-10}"`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bench.core.config.placeholders import (
    KeepsPlaceholders,
    check_variables,
    environment_values,
    expand,
    expand_chosen,
    has_variables,
)
from bench.core.config.setting import Location
from bench.errors import ConfigError

Models = Sequence[type[BaseModel]]


@dataclass(slots=True)
class EarlyVariables:
    """Expands the variables of a file, except those in fields marked with `KEEPS_PLACEHOLDERS`.

    Args:
        environ: Values of the variables.
        chosen: Variables of this run, which replace others. They are expanded in marked fields, too, because
            the command line shows them anyway.
    """

    environ: Mapping[str, str]
    chosen: Mapping[str, str]
    texts: dict[Location, str] = field(default_factory=dict)
    """Texts that had variables, by their location."""
    errors: dict[Location, ConfigError] = field(default_factory=dict)
    """Errors of variables without a value, by the location of their text, which then stays as it is."""
    late_errors: dict[Location, ConfigError] = field(default_factory=dict)
    """Errors of variables in marked fields, which matter only to a run."""

    def expand(self, content: Any, models: Models, location: Location = ()) -> Any:
        """Return the content of a file with its variables expanded.

        Args:
            content: A value of the file.
            models: Models of which one describes the value.
            location: Place of the value.
        """
        match content:
            case str() if has_variables(content):
                return self._expand_text(content, location)
            case dict():
                expanded: dict[Any, Any] = {}
                for key, value in content.items():
                    expanded[key] = self._expand_field(key, value, models, (*location, key))
                return expanded
            case list():
                items = enumerate(content)
                return [self.expand(item, models, (*location, index)) for index, item in items]
            case _:
                return content

    def _expand_field(self, key: str, value: Any, models: Models, location: Location) -> Any:
        fields = _find_fields(key, models)
        for info in fields:
            mark = next((mark for mark in info.metadata if isinstance(mark, KeepsPlaceholders)), None)
            if mark is not None:
                return value if mark.is_literal else self._keep(value, info, location)
        below: list[type[BaseModel]] = []
        for info in fields:
            below += _list_models(info.annotation)
        # A key that is no field is a name, such as that of a service, or belongs to the only phase.
        return self.expand(value, below if fields else models, location)

    def _keep(self, value: Any, info: FieldInfo, location: Location) -> Any:
        """Return a value whose variables stay, except the chosen ones."""
        kept = expand_chosen(value, self.chosen, as_text=_holds_texts(info.annotation))
        for place, text in _list_texts(kept, location):
            try:
                check_variables(text, self.environ)
            except ConfigError as error:
                self.late_errors[place] = error
        return kept

    def _expand_text(self, text: str, location: Location) -> str:
        values = environment_values({**self.environ, **self.chosen})
        try:
            expanded = expand(text, values, "")
        except ConfigError as error:
            self.errors[location] = error
            return text
        self.texts[location] = text
        return expanded


def _find_fields(key: str, models: Models) -> list[FieldInfo]:
    """Return the fields that have this name in files."""
    fields = []
    for model in models:
        for name, info in model.model_fields.items():
            if key == (info.alias or name):
                fields.append(info)
    return fields


def _holds_texts(annotation: Any) -> bool:
    """Return whether all values in an annotation are texts, as in `dict[str, str]`."""
    arguments = [argument for argument in get_args(annotation) if argument not in {type(None), Ellipsis}]
    return annotation is str if not arguments else all(map(_holds_texts, arguments))


def _list_texts(content: Any, location: Location) -> Iterator[tuple[Location, str]]:
    """Yield the texts of a JSON-like value that have variables, with their locations."""
    match content:
        case str() if has_variables(content):
            yield location, content
        case dict():
            for key, value in content.items():
                yield from _list_texts(value, (*location, key))
        case list():
            for index, value in enumerate(content):
                yield from _list_texts(value, (*location, index))


def _list_models(annotation: Any) -> list[type[BaseModel]]:
    """Return all models in an annotation: `dict[str, Service]` → `[Service]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    models = []
    for argument in get_args(annotation):
        models += _list_models(argument)
    return models
