"""List and check scenarios."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bench.core.config.load_words import scenario_in_words
from bench.core.config.scenario import Scenario
from bench.core.load.description import describe_content, describe_first_requests, describe_steps
from bench.errors import ConfigError
from bench.store import scenarios, stacks

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class CheckedScenario:
    """A valid scenario with its messages."""

    name: str
    """Name, or path of the file."""
    content: str
    """Number of messages, steps and rows, in words."""


@dataclass(frozen=True, slots=True)
class CheckedFiles:
    """The result of a check of several files."""

    scenarios: tuple[CheckedScenario, ...]
    """The valid scenarios."""
    error: ConfigError | None
    """All errors of all files, each once; None if there is none."""


def list_scenarios(suite: str | None = None) -> tuple[Scenario, ...]:
    """Return all scenarios, or those of a suite.

    Raises:
        ConfigError: The suite is unknown, or a file is wrong.
    """
    names = scenarios.of_suite(suite) if suite else tuple(scenarios.paths())
    return tuple(scenarios.load(name).scenario for name in names)


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file that takes part in a scenario, with all inherited values."""

    kind: str
    """Field of the scenario that names it, or `scenario`."""
    path: Path
    """The file."""
    extended: tuple[Path, ...]
    """The files that it extends, the next one first."""
    hides_shipped: bool
    """Whether it is used instead of a shipped file of its name."""
    content: Mapping[str, Any]
    """Its values, as a file has them."""


def show_scenario(name: str) -> tuple[ShownFile, ...]:
    """Return a scenario and the files that it names.

    Args:
        name: Name of a scenario, or path of its file.

    Raises:
        ConfigError: The scenario does not exist, or a file is wrong.
    """
    files = scenarios.open_files(name)
    files.read()
    shown = []
    for kind, file, hides_shipped in files.named:
        content = {name: file.content[name] for name in sorted(file.content, key=lambda name: name != "name")}
        shown.append(ShownFile(kind, file.path, file.extended, hides_shipped, content))
    return tuple(shown)


def check_scenarios(names: Sequence[str] = ()) -> CheckedFiles:
    """Check scenarios and the files that they name, and without names also all other files.

    Args:
        names: Names of scenarios, or paths of their files; all if empty.
    """
    errors: list[ConfigError] = []
    # The errors of stacks are not those of a scenario that is named.
    declared = _load_all(stacks.list_all(), stacks.load, [] if names else errors)
    if not names:
        _load_all(scenarios.list_targets(), scenarios.load_target, errors)
        _load_all(("suites",), lambda _: scenarios.suites(), errors)
    specs = _load_all(
        names or tuple(scenarios.paths()), lambda name: (name, scenarios.check(name, declared)), errors
    )
    checked = [CheckedScenario(name, describe_content(spec)) for name, spec in specs]
    return CheckedFiles(tuple(checked), ConfigError.of_all(errors) if errors else None)


def plan_scenario(name: str) -> tuple[str, ...]:
    """Return the load of a scenario, its steps, and the first iterations of its first VUs, one line each.

    Raises:
        ConfigError: The scenario does not exist, or its files are wrong.
    """
    spec = scenarios.load(name)
    lines = [f"{spec.scenario.name}: {spec.scenario.purpose}", f"load: {scenario_in_words(spec.scenario)}"]
    for part in spec.parts:
        lines += describe_steps(part)
    return (*lines, *describe_first_requests(spec))


def _load_all(names: Iterable[str], load: Callable[[str], Value], errors: list[ConfigError]) -> list[Value]:
    """Return the values of the files without errors; the errors of the others join the errors."""
    values = []
    for name in names:
        try:
            values.append(load(name))
        except ConfigError as error:
            errors.append(error)
    return values
