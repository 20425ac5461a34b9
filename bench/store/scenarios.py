"""Scenarios and the files that they name: `scenarios/*.yaml`, `scenarios/targets/`, `scenarios/prompts/`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from bench.core.config.prompts import Prompts
from bench.core.config.run_spec import MixedSpec, RunSpec
from bench.core.config.scenario import Scenario, Suites
from bench.core.config.stack import Stack, list_services
from bench.core.config.target import Target, stand_in
from bench.core.values.nearest import find_typing_error, suggest
from bench.errors import ConfigError
from bench.store.folders import find, list_names, shipped
from bench.store.journeys import find_scenario, load_files, load_rows
from bench.store.yaml_file import YamlFile

Value = TypeVar("Value")
FOLDER = "scenarios"
SUITES = "suites.yaml"


def load(name: str) -> RunSpec:
    """Read a scenario with its targets and messages.

    Args:
        name: Name of a scenario, or path of a file that ends in `.yaml` or `.yml`.

    Raises:
        ConfigError: The scenario does not exist, or its files are wrong; the message has all their errors.
    """
    file = YamlFile(_find_file(name))
    errors: list[ConfigError] = []
    scenario = _attempt(errors, lambda: _parse_scenario(file))
    target = _attempt(errors, lambda: _load_target(file, "target"))
    compare_with = _attempt(errors, lambda: _load_target(file, "compare_with"))
    prompts = _attempt(errors, lambda: _load_prompts(file))
    if errors or scenario is None:
        raise ConfigError.of_all(errors)
    mix = _load_mix(file, scenario)
    if target is None:
        target = mix[0].spec.target if mix else stand_in(scenario.services[0])
    try:
        return RunSpec(
            scenario=scenario,
            target=target,
            prompts=() if prompts is None else prompts.messages,
            compare_with=compare_with,
            rows=load_rows(file, scenario),
            files=load_files(file, scenario),
            mix=mix,
        )
    except ValidationError as error:
        raise file.invalid(error, RunSpec) from error


def check(name: str, declared: Sequence[Stack]) -> RunSpec:
    """Read a scenario, and check that a stack has its services and its fixtures.

    Args:
        name: Name of a scenario, or path of a file that ends in `.yaml` or `.yml`.
        declared: All stacks.

    Raises:
        ConfigError: As for `load`, or no stack has a fixture or a service.
    """
    spec = load(name)
    file = YamlFile(_find_file(name))
    errors: list[ConfigError] = []
    fixtures = {fixture for stack in declared for fixture in stack.fixtures}
    for index, fixture in enumerate(spec.scenario.fixtures):
        if fixture not in fixtures:
            message = f"no stack has the fixture '{fixture}'"
            errors.append(file.error(("fixtures", index), message, suggest(fixture, fixtures)))
    services = {service for stack in declared for service in list_services(stack)}
    for target in spec.interfaces:
        nearest = find_typing_error(target.service, services)
        if nearest is not None:
            path = find(FOLDER, f"targets/{target.name}.yaml", near=file.path.parent)
            message = f"no stack has the service '{target.service}'"
            errors.append(
                YamlFile(path or file.path).error(("service",), message, f"did you mean '{nearest}'?")
            )
    if errors:
        raise ConfigError.of_all(errors)
    return spec


def load_target(name: str) -> Target:
    """Read a target by its name, or from a file that ends in `.yaml` or `.yml`.

    Raises:
        ConfigError: The target does not exist, or its file is wrong.
    """
    if name.endswith((".yaml", ".yml")):
        return YamlFile(Path(name)).parse(Target)
    path = find(FOLDER, f"targets/{name}.yaml")
    if path is None:
        raise ConfigError(
            f"target '{name}' does not exist", suggest(name, list_names(FOLDER, "targets/*.yaml"))
        )
    return YamlFile(path).parse(Target)


def list_targets() -> tuple[str, ...]:
    """Return the names of all targets."""
    return list_names(FOLDER, "targets/*.yaml")


def paths() -> dict[str, Path]:
    """Return the file of every scenario by name. A file in `./scenarios` hides a shipped one of its name."""
    files: dict[str, Path] = {}
    for folder in (shipped(FOLDER), Path(FOLDER)):
        for path in folder.glob("*.yaml"):
            if path.name != SUITES:
                files[path.stem] = path
    return dict(sorted(files.items()))


def suites() -> dict[str, tuple[str, ...]]:
    """Return the scenarios of every suite, by the suite's name.

    Raises:
        ConfigError: The file is wrong, or names a scenario that does not exist.
    """
    path = find(FOLDER, SUITES)
    if path is None:
        return {}
    file = YamlFile(path)
    by_suite = file.parse(Suites).root
    existing = paths()
    for suite, names in by_suite.items():
        for index, name in enumerate(names):
            if name not in existing:
                message = f"scenario '{name}' does not exist"
                raise file.error((suite, index), message, suggest(name, existing))
    return by_suite


def of_suite(name: str) -> tuple[str, ...]:
    """Return the scenarios of a suite.

    Raises:
        ConfigError: The suite does not exist.
    """
    by_suite = suites()
    if name not in by_suite:
        raise ConfigError(f"suite '{name}' does not exist", suggest(name, by_suite))
    return by_suite[name]


def _find_file(name: str) -> Path:
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    existing = paths()
    if name in existing:
        return existing[name]
    raise ConfigError(f"scenario '{name}' does not exist", suggest(name, existing))


def _attempt(errors: list[ConfigError], read: Callable[[], Value]) -> Value | None:
    """Return a value; None if it cannot be read, and its error joins the errors."""
    try:
        return read()
    except ConfigError as error:
        errors.append(error)
        return None


def _parse_scenario(file: YamlFile) -> Scenario:
    scenario = file.parse(Scenario)
    if scenario.name != file.path.stem:
        raise file.error(
            ("name",), f"'{scenario.name}' is not the name of the file", f"write name: {file.path.stem}"
        )
    return scenario


def _load_mix(file: YamlFile, scenario: Scenario) -> tuple[MixedSpec, ...]:
    """Return the scenarios of a mix."""
    parts = []
    for index, mixed in enumerate(scenario.mix):
        path = find_scenario(file, mixed.scenario, index)
        for field in ("mix", "compare_with"):
            if YamlFile(path).has(field):
                message = f"scenario '{mixed.scenario}' has {field}, so it cannot be a part of a mix"
                raise file.error(("mix", index, "scenario"), message)
        spec = load(str(path))
        parts.append(MixedSpec(spec=spec, weight=mixed.weight, start_s=mixed.start_s))
    return tuple(parts)


def _load_target(scenario: YamlFile, field: str) -> Target | None:
    """Return the target that a field of a scenario names; None without a name."""
    name = scenario.text_at(field)
    if name is None:
        return None
    folder = scenario.path.parent
    path = find(FOLDER, f"targets/{name}.yaml", near=folder)
    if path is None:
        targets = list_names(FOLDER, "targets/*.yaml", near=folder)
        raise scenario.error((field,), f"there is no file targets/{name}.yaml", suggest(name, targets))
    return YamlFile(path).parse(Target)


def _load_prompts(scenario: YamlFile) -> Prompts | None:
    """Return the messages of a scenario; None if it names no file."""
    relative = scenario.text_at("prompts")
    if relative is None:
        return None
    folder = scenario.path.parent
    path = find(FOLDER, relative, near=folder)
    if path is None:
        names = [f"prompts/{name}.yaml" for name in list_names(FOLDER, "prompts/*.yaml", near=folder)]
        raise scenario.error(("prompts",), f"there is no file {relative}", suggest(relative, names))
    return YamlFile(path).parse(Prompts)
