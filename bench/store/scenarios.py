"""Scenarios and the files that they name: `scenarios/*.yaml`, `scenarios/targets/`, `scenarios/prompts/`."""

from pathlib import Path

from pydantic import ValidationError

from bench.core.config.prompts import Prompts
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario, Suites
from bench.core.config.target import Target
from bench.core.values.nearest import suggest
from bench.errors import ConfigError
from bench.store.folders import find, list_names, shipped
from bench.store.yaml_file import YamlFile

FOLDER = "scenarios"
SUITES = "suites.yaml"


def load(name: str) -> RunSpec:
    """Read a scenario with its targets and messages.

    Args:
        name: Name of a scenario, or path of a file that ends in `.yaml` or `.yml`.

    Raises:
        ConfigError: The scenario does not exist, or one of its files is wrong.
    """
    file = YamlFile(_find_file(name))
    scenario = file.parse(Scenario)
    if scenario.name != file.path.stem:
        raise file.error(
            ("name",), f"'{scenario.name}' is not the name of the file", f"write name: {file.path.stem}"
        )
    compare_with = None
    if scenario.compare_with is not None:
        compare_with = _load_target(file, "compare_with", scenario.compare_with)
    target = _load_target(file, "target", scenario.target)
    prompts = YamlFile(_find_prompts(file, scenario.prompts)).parse(Prompts)
    try:
        return RunSpec(scenario=scenario, target=target, prompts=prompts.messages, compare_with=compare_with)
    except ValidationError as error:
        raise file.invalid(error, RunSpec) from error


def load_target(name: str) -> Target:
    """Read a target by its name.

    Raises:
        ConfigError: The target does not exist, or its file is wrong.
    """
    path = find(FOLDER, f"targets/{name}.yaml")
    if path is None:
        raise ConfigError(
            f"target '{name}' does not exist", suggest(name, list_names(FOLDER, "targets/*.yaml"))
        )
    return YamlFile(path).parse(Target)


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


def _load_target(scenario: YamlFile, field: str, name: str) -> Target:
    folder = scenario.path.parent
    path = find(FOLDER, f"targets/{name}.yaml", near=folder)
    if path is None:
        targets = list_names(FOLDER, "targets/*.yaml", near=folder)
        raise scenario.error((field,), f"there is no file targets/{name}.yaml", suggest(name, targets))
    return YamlFile(path).parse(Target)


def _find_prompts(scenario: YamlFile, relative: str) -> Path:
    folder = scenario.path.parent
    path = find(FOLDER, relative, near=folder)
    if path is None:
        names = [f"prompts/{name}.yaml" for name in list_names(FOLDER, "prompts/*.yaml", near=folder)]
        raise scenario.error(("prompts",), f"there is no file {relative}", suggest(relative, names))
    return path
