"""The suites of a folder of scenarios: which scenarios run together, on which stack, after which changes."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Field, RootModel, StringConstraints, Tag

from bench.core.config.path_filter import matches
from bench.core.config.target import Name
from bench.core.values.record import Record

Pattern = Annotated[str, StringConstraints(pattern=r"^!?[^!\s]\S*$", max_length=200)]


class SuiteEntry(Record):
    """A scenario of a suite that runs on a stack of its own."""

    scenario: Name
    """Name of the scenario."""
    stack: Name | None = None
    """Stack of the scenario; default: the stack of the job."""


def _shape_of_entry(value: Any) -> str:
    return "entry" if isinstance(value, SuiteEntry | Mapping) else "name"


def _shape_of_suite(value: Any) -> str:
    return "suite" if isinstance(value, Suite | Mapping) else "list"


Entry = Annotated[
    Annotated[Name, Tag("name")] | Annotated[SuiteEntry, Tag("entry")], Discriminator(_shape_of_entry)
]
Entries = Annotated[tuple[Entry, ...], Field(min_length=1)]


class Suite(Record):
    """Scenarios that run together."""

    scenarios: Entries
    """Names of the scenarios. `{scenario: NAME, stack: NAME}` runs one on another stack than the job's."""
    paths: tuple[Pattern, ...] = ()
    """Patterns of the files whose changes are measured, such as `src/**` or `!docs/**`; default: all files.
    The last pattern that matches a file decides. A change below `scenarios/` is always measured."""

    @property
    def entries(self) -> tuple[SuiteEntry, ...]:
        """The scenarios with their stacks."""
        entries: list[SuiteEntry] = []
        for entry in self.scenarios:
            entries.append(SuiteEntry(scenario=entry) if isinstance(entry, str) else entry)
        return tuple(entries)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the scenarios."""
        return tuple(entry.scenario for entry in self.entries)

    def measures(self, changed: Sequence[str], own_folder: str = "scenarios/") -> bool:
        """Return whether a change of these files is measured.

        Args:
            changed: Paths from the top of the repository.
            own_folder: The folder of the scenarios. Its changes are always measured, so that a change of
                the patterns does not hide itself.
        """
        if not self.paths:
            return True
        return any(file.startswith(own_folder) or matches(file, self.paths) for file in changed)


def _as_suite(value: "tuple[str | SuiteEntry, ...] | Suite") -> Suite:
    return value if isinstance(value, Suite) else Suite(scenarios=value)


_Suite = Annotated[
    Annotated[Entries, Tag("list")] | Annotated[Suite, Tag("suite")], Discriminator(_shape_of_suite)
]


class Suites(RootModel[dict[Name, _Suite]]):
    """The suites by name: a list of scenarios, or a map with `scenarios` and `paths`."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    @property
    def by_name(self) -> dict[str, Suite]:
        """The suites by their names."""
        return {name: _as_suite(value) for name, value in self.root.items()}
