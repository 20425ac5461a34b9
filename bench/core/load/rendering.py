"""Render the requests of a journey with the values of a user. Templates are parsed once."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, assert_never
from urllib.parse import quote

from bench.core.config.template import Placeholder, split_text

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_BOOLEANS = {"true": True, "false": False}


class MissingValueError(Exception):
    """A placeholder has no value, because no answer had it."""


@dataclass(slots=True)
class UserValues:
    """The values of the placeholders for one user in one iteration."""

    number: int
    """Number of the user, from 0."""
    new_uuid: Callable[[], str]
    """Returns a UUID that was never used."""
    iteration: int = 0
    """Number of the user's iteration, from 0."""
    seed: str = ""
    """Seed of the random values of this iteration."""
    row: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Row of the data."""
    saved: dict[str, Any] = field(default_factory=dict, repr=False)
    """Values that earlier answers had."""
    message: str = ""
    """Text of the message that is sent next."""
    _random: Random | None = None

    def begin(self, iteration: int, seed: str, row: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
        """Begin an iteration with a row, and with the values that the login saved."""
        self.iteration = iteration
        self.seed = seed
        self.row = row
        self.saved = dict(saved)
        self._random = None

    @property
    def random(self) -> Random:
        """The random numbers of this iteration."""
        if self._random is None:  # seeding takes ten microseconds
            self._random = Random(self.seed)
        return self._random

    def value(self, placeholder: Placeholder) -> Any:
        """Return the value of a placeholder.

        Raises:
            MissingValueError: It has none.
        """
        return _VALUES[placeholder.kind](self, placeholder)

    def look_up(self, placeholder: Placeholder) -> Any:
        """Return a saved value, or a value of the row."""
        values = self.saved if placeholder.kind == "saved" else self.row
        value = values.get(placeholder.name)
        if value is not None:
            return value
        if placeholder.default is not None:
            return _read_default(placeholder.default)
        raise MissingValueError(f"${{{placeholder.source}}} has no value")


_VALUES: dict[str, Callable[[UserValues, Placeholder], Any]] = {
    "saved": UserValues.look_up,
    "row": UserValues.look_up,
    "user.number": lambda values, _: values.number,
    "user.iteration": lambda values, _: values.iteration,
    "uuid": lambda values, _: values.new_uuid(),
    "message": lambda values, _: values.message,
    "choice": lambda values, mark: values.random.choice(mark.arguments),
    "int": lambda values, mark: values.random.randint(*map(int, mark.arguments)),
}
Renderer = Callable[[UserValues], Any]


def prepare(content: Any) -> Renderer:
    """Return a function that renders a JSON-like value. A text that is only a placeholder keeps its type."""
    match content:
        case str():
            return _prepare_text(content)
        case dict():
            return _prepare_map(content)
        case list() | tuple():
            items = [prepare(item) for item in content]
            return lambda values: [render(values) for render in items]
        case _:
            return lambda _: content


def prepare_text(content: str) -> Callable[[UserValues], str]:
    """Return a function that renders a text."""
    render = _prepare_text(content)
    return lambda values: as_text(render(values))


def prepare_path(path: str) -> Callable[[UserValues], str]:
    """Return a function that renders a path; values are percent-encoded, so that each stays one segment."""
    parts = split_text(path)

    def render(values: UserValues) -> str:
        texts = []
        for part in parts:
            texts.append(part if isinstance(part, str) else quote(as_text(values.value(part)), safe=""))
        return "".join(texts)

    return render


def as_text(value: Any) -> str:
    """Return a value within a text, as JSON writes it; a text stays as it is."""
    match value:
        case str():
            return value
        case True:
            return "true"
        case False:
            return "false"
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def _prepare_map(content: Mapping[str, Any]) -> Renderer:
    items = {key: prepare(value) for key, value in content.items()}
    return lambda values: {key: render(values) for key, render in items.items()}


def _prepare_text(content: str) -> Renderer:
    parts = split_text(content)
    match parts:
        case []:
            return lambda _: content
        case [str()]:
            return lambda _: content
        case [Placeholder() as placeholder]:
            return lambda values: values.value(placeholder)
        case [*_]:
            return lambda values: "".join(_render_part(part, values) for part in parts)
        case _:
            assert_never(parts)


def _render_part(part: str | Placeholder, values: UserValues) -> str:
    return part if isinstance(part, str) else as_text(values.value(part))


def _read_default(text: str) -> Any:
    """Return a default as a value: a number, true, false or a text."""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text
