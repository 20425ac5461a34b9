"""Values that `--set KEY=VALUE` changes for one run."""

import json
from dataclasses import dataclass
from typing import Any

from bench.errors import ConfigError

Location = tuple[int | str, ...]
SCENARIO = "scenario"
TARGET = "target"
BODY = "body"
_FILES = (SCENARIO, TARGET, BODY)
_EXAMPLE = "write for example --set options.num_predict=32"


@dataclass(frozen=True, slots=True)
class Setting:
    """A value for one field of a scenario or a target."""

    path: Location
    """Keys from the top of the file."""
    value: Any
    """New value; None removes the field."""
    file: str
    """File that has the field: `scenario` or `target`. An empty text stands for the body of the target, if
    the key names no file."""
    text: str
    """The option as a person writes it."""

    @property
    def shown(self) -> str:
        """The option for results, without the value of a header, which may be a secret."""
        if self.file == TARGET and self.path[0] == "headers":
            return f"{self.text.partition('=')[0]}=…"
        return self.text


def parse_setting(text: str) -> Setting:
    """Return the setting of `KEY=VALUE`. A value is read as JSON, else as text.

    A key that begins with `scenario.` or `target.` names a field of this file, and any other key a field of
    the target's body, also after `body.`.

    Raises:
        ConfigError: The text has no key or no value.
    """
    option = f"--set {text}"
    key, equals, value = text.partition("=")
    parts = tuple(key.split("."))
    if not equals or not all(parts):
        raise ConfigError(f"{option}: is not KEY=VALUE", _EXAMPLE)
    file = parts[0] if parts[0] in _FILES and len(parts) > 1 else ""
    path = parts[1:] if file else parts
    match file:
        case "body":
            return Setting((BODY, *path), _parse_value(value), TARGET, option)
        case "":
            return Setting((BODY, *path), _parse_value(value), "", option)
        case _:
            return Setting(path, _parse_value(value), file, option)


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=str)
    except ValueError:
        return text


def set_value(content: Any, setting: Setting) -> Any:
    """Return a copy of a JSON-like value with one changed field. Maps on the way are added.

    Raises:
        ConfigError: A value on the way is neither a map nor a list, or a list has no such item.
    """
    return _set(content, setting.path, setting, ())


def _set(content: Any, path: Location, setting: Setting, done: Location) -> Any:
    if not path:
        return setting.value
    key = path[0]
    is_removed = len(path) == 1 and setting.value is None
    match content:
        case None:
            return {} if is_removed else {key: _set(None, path[1:], setting, (*done, key))}
        case dict():
            others = {name: value for name, value in content.items() if name != key}
            if is_removed:
                return others
            return {**content, key: _set(content.get(key), path[1:], setting, (*done, key))}
        case list():
            index = _find_index(content, key, setting, done)
            items = list(content)
            items[index] = _set(items[index], path[1:], setting, (*done, key))
            return items
        case _:
            where = ".".join(map(str, done))
            raise ConfigError(f"{setting.text}: {where} is {content!r}, which has no fields", _EXAMPLE)


def _find_index(items: list[Any], key: int | str, setting: Setting, done: Location) -> int:
    text = str(key)
    if not text.isdecimal() or int(text) >= len(items):
        where = ".".join(map(str, done))
        raise ConfigError(
            f"{setting.text}: {where} is a list of {len(items)}, without an item {text}",
            "the first item is 0",
        )
    return int(text)
