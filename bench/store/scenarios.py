"""Scenarios and the files that they name: `scenarios/*.yaml`, `scenarios/targets/`, `scenarios/prompts/`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.config.choices import NO_CHOICES, Choices
from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Stack, list_services
from bench.core.config.target import Target
from bench.core.values.nearest import find_typing_error, suggest
from bench.errors import ConfigError
from bench.store import folders
from bench.store.folders import SCENARIOS, find, list_names, shipped
from bench.store.scenario_files import ScenarioFiles, find_target_file
from bench.store.yaml_file import YamlFile

if TYPE_CHECKING:
    from bench.core.config.suites import Suite

SUITES = "suites.yaml"
FULL = "full"
"""The suite that a label adds to the suite of a pull request."""


def load(name: str, choices: Choices = NO_CHOICES) -> RunSpec:
    """Read a scenario with its targets and messages.

    Args:
        name: Name of a scenario, or path of a file that ends in `.yaml` or `.yml`.
        choices: Values of the command line that replace those of the files.

    Raises:
        ConfigError: The scenario does not exist, or its files are wrong; the message has all their errors.
    """
    return open_files(name, choices).read()


def is_shipped(name: str) -> bool:
    """Return whether a scenario comes with the package."""
    return folders.is_shipped(_find_file(name), SCENARIOS)


def load_for_run(name: str, choices: Choices = NO_CHOICES) -> RunSpec:
    """Read a scenario as `load` does, and check that the variables of its requests have values.

    Raises:
        ConfigError: As for `load`, or a variable has no value.
    """
    files = open_files(name, choices)
    spec = files.read()
    files.require_variables()
    return spec


def open_files(name: str, choices: Choices = NO_CHOICES) -> ScenarioFiles:
    """Return a scenario and the files that it names; see `load`."""
    return ScenarioFiles(_find_file(name), choices)


def check(name: str, declared: Sequence[Stack]) -> RunSpec:
    """Read a scenario, and check that a stack has its services and its fixtures.

    Args:
        name: Name of a scenario, or path of a file that ends in `.yaml` or `.yml`.
        declared: All stacks.

    Raises:
        ConfigError: As for `load`, or no stack has a fixture or a service.
    """
    files = open_files(name)
    spec = files.read()
    errors: list[ConfigError] = []
    fixtures = {fixture for stack in declared for fixture in stack.fixtures}
    for index, fixture in enumerate(spec.scenario.fixtures):
        if fixture not in fixtures:
            message = f"no stack has the fixture '{fixture}'"
            errors.append(files.scenario.error(("fixtures", index), message, suggest(fixture, fixtures)))
    services = {service for stack in declared for service in list_services(stack)}
    for file, target in zip(files.targets, spec.targets, strict=False):
        nearest = find_typing_error(target.service, services)
        if nearest is not None:
            message = f"no stack has the service '{target.service}'"
            errors.append(file.error(("service",), message, f"did you mean '{nearest}'?"))
    for service in spec.scenario.services:
        nearest = find_typing_error(service, services)
        if nearest is not None:
            message = f"no stack has the service '{service}'"
            errors.append(files.scenario.error(("service",), message, f"did you mean '{nearest}'?"))
    if errors:
        raise ConfigError.of_all(errors)
    return spec


def load_target(name: str, variables: Mapping[str, str] | None = None) -> Target:
    """Read a target by its name, or from a file that ends in `.yaml` or `.yml`.

    Args:
        name: Name or path of the target.
        variables: Variables that replace those of the environment.

    Raises:
        ConfigError: The target does not exist, or its file is wrong.
    """
    return YamlFile(find_target_file(name), Target, (), variables).parse()


def list_targets() -> tuple[str, ...]:
    """Return the names of all targets."""
    return list_names(SCENARIOS, "targets/*.yaml")


def paths() -> dict[str, Path]:
    """Return the file of every scenario by name. A file in `./scenarios` hides a shipped one of its name."""
    files: dict[str, Path] = {}
    for folder in (shipped(SCENARIOS), Path(SCENARIOS)):
        for path in folder.glob("*.yaml"):
            if path.name != SUITES:
                files[path.stem] = path
    return dict(sorted(files.items()))


def suites() -> "dict[str, Suite]":
    """Return every suite by its name.

    Raises:
        ConfigError: The file is wrong, names a scenario that does not exist, or names one twice.
    """
    path = find(SCENARIOS, SUITES)
    if path is None:
        return {}
    # pydantic builds this model at its import, and a run needs no suite.
    from bench.core.config.suites import Suites  # noqa: PLC0415 - see above

    file = YamlFile(path, Suites)
    by_suite = file.parse().by_name
    existing = paths()
    for name, suite in by_suite.items():
        for index, scenario in enumerate(suite.names):
            where = (name, index) if isinstance(file.content[name], list) else (name, "scenarios", index)
            if scenario not in existing:
                raise file.error(where, f"scenario '{scenario}' does not exist", suggest(scenario, existing))
            if scenario in suite.names[:index]:
                raise file.error(
                    where, f"scenario '{scenario}' is in the suite already", "remove one of the two"
                )
    return by_suite


def find_suite(name: str) -> "Suite":
    """Return a suite.

    Raises:
        ConfigError: The suite does not exist.
    """
    by_suite = suites()
    if name not in by_suite:
        raise ConfigError(f"suite '{name}' does not exist", suggest(name, by_suite))
    return by_suite[name]


def of_suite(name: str) -> tuple[str, ...]:
    """Return the names of the scenarios of a suite.

    Raises:
        ConfigError: The suite does not exist.
    """
    return find_suite(name).names


def of_check(name: str) -> frozenset[str]:
    """Return the scenarios that the check of a suite can have: its own, and those of the suite `full`.

    Raises:
        ConfigError: The suite does not exist.
    """
    full = suites().get(FULL)
    return frozenset((*of_suite(name), *(() if full is None else full.names)))


def _find_file(name: str) -> Path:
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    existing = paths()
    if name in existing:
        return existing[name]
    raise ConfigError(f"scenario '{name}' does not exist", suggest(name, existing))
