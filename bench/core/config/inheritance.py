"""Files that extend another file of their kind, and the origin of each of their values."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import Field, field_validator

from bench.core.config.setting import Location, Setting, set_value
from bench.core.values.record import Record

Origin = TypeVar("Origin", bound=Hashable)
# Fields that choose which other fields a map may have.
_KINDS = ("kind", "executor")


class Inheriting(Record):
    """A file that may extend another file of its kind."""

    folder: ClassVar[str] = ""
    """Folder of this kind of file below `scenarios`."""
    extends: Annotated[str | None, Field(exclude=True)] = None
    """File of the same kind whose values this file inherits: its name, or a path relative to this file. Maps
    are merged, other values are replaced, and `null` removes a value."""

    @field_validator("extends")
    @classmethod
    def _refuse_inside_a_file(cls, value: str | None) -> None:
        """Refuse the field where a reader of files has not replaced it by the inherited values."""
        if value is not None:
            raise ValueError("must stand at the top of a file")

    @classmethod
    def list_replaced(cls, own: Mapping[str, Any], inherited: Mapping[str, Any]) -> frozenset[str]:  # noqa: ARG003
        """Return the inherited fields that a file replaces by other fields at its top."""
        return frozenset()


@dataclass(slots=True)
class MergedContent(Generic[Origin]):
    """The content of files that extend each other, built from the outermost inherited file on."""

    kind: type[Inheriting] | None
    """Kind of the files; None if they cannot extend others."""
    content: dict[str, Any] = field(default_factory=dict)
    """The values."""
    _origins: dict[tuple[str, ...], Origin] = field(default_factory=dict)

    def add(self, own: Mapping[str, Any], origin: Origin) -> None:
        """Merge the content of a file into the values that it inherits."""
        if self.kind is not None:
            for name in self.kind.list_replaced(own, self.content):
                self._remove(self.content, (name,))
        self._merge(self.content, own, (), origin)

    def change(self, setting: Setting, origin: Origin) -> None:
        """Set one value.

        Raises:
            ConfigError: The place of the value cannot exist.
        """
        self._forget(setting.path)
        self.content = set_value(self.content, setting)
        self._origins[as_text(setting.path)] = origin

    def origin(self, location: Location) -> Origin | None:
        """Return the origin of a value, or of the deepest value around it; None if no file has it."""
        parts = as_text(location)
        for depth in range(len(parts), 0, -1):
            if parts[:depth] in self._origins:
                return self._origins[parts[:depth]]
        return None

    def _merge(self, merged: dict[str, Any], own: Mapping[str, Any], place: Location, origin: Origin) -> None:
        for key, value in own.items():
            location = (*place, key)
            inherited = merged.get(key)
            if value is None and inherited is not None:
                self._remove(merged, location)
                continue
            if _can_merge(value, inherited):
                merged[key] = dict(inherited or {})
                self._merge(merged[key], value, location, origin)
            else:
                self._forget(location)
                merged[key] = value
            self._origins[as_text(location)] = origin

    def _remove(self, content: dict[str, Any], location: Location) -> None:
        content.pop(str(location[-1]), None)
        self._forget(location)

    def _forget(self, location: Location) -> None:
        """Forget the origins of a value and of all values in it."""
        parts = as_text(location)
        for other in [*self._origins]:
            if other[: len(parts)] == parts:
                del self._origins[other]


def as_text(location: Location) -> tuple[str, ...]:
    """Return a location whose parts are text, because the content may have a key that is a number."""
    return tuple(str(part) for part in location)


def _can_merge(own: Any, inherited: Any) -> bool:
    """Return whether both values are maps of the same kind; a map of another kind has other fields."""
    if not isinstance(own, dict) or not isinstance(inherited, dict):
        return False
    return all(name not in own or own[name] == inherited.get(name) for name in _KINDS)
