"""Scenarios and the files they name: `scenarios/*.yaml`, `scenarios/targets/`, `scenarios/prompts/`."""

from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from bench.core.config.prompts import Prompts
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario, Suites
from bench.core.config.target import Target
from bench.errors import ConfigError
from bench.store.declarations import read_yaml
from bench.store.folders import find, shipped
from bench.store.problems import problems

FOLDER = "scenarios"
SUITES = "suites.yaml"


def load(name: str) -> RunSpec:
    """A scenario with its target and messages.

    Args:
        name: Of a scenario, or the path of a file that ends in `.yaml`.

    Raises:
        ConfigError: There is none of that name, or one of its files is wrong.
    """
    path = _path(name)
    scenario = read_yaml(path, Scenario)
    if scenario.name != path.stem:
        raise ConfigError(
            f"{path}: name is '{scenario.name}', the file's is '{path.stem}'", "make them equal"
        )
    target = _named(path, f"targets/{scenario.target}.yaml", f"target '{scenario.target}'")
    prompts = _named(path, scenario.prompts, "prompts")
    compare_with = None
    if scenario.compare_with is not None:
        compare_with = read_yaml(
            _named(path, f"targets/{scenario.compare_with}.yaml", f"compare_with '{scenario.compare_with}'"),
            Target,
        )
    try:
        return RunSpec(
            scenario=scenario,
            target=read_yaml(target, Target),
            prompts=read_yaml(prompts, Prompts).messages,
            compare_with=compare_with,
        )
    except ValidationError as error:
        raise ConfigError(f"{path}: {problems(error)}") from error


def load_target(name: str) -> Target:
    """Return a target by its name.

    Raises:
        ConfigError: There is no target of this name, or its file is wrong.
    """
    path = find(FOLDER, f"targets/{name}.yaml")
    if path is not None:
        return read_yaml(path, Target)
    names: set[str] = set()
    for folder in (shipped(FOLDER), Path(FOLDER)):
        names.update(file.stem for file in folder.glob("targets/*.yaml"))
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"targets: {', '.join(sorted(names))}"
    raise ConfigError(f"--target {name}: there is no target '{name}'", hint)


def paths() -> dict[str, Path]:
    """Every scenario by name; one of the user's hides a shipped one of the same name."""
    folders = (shipped(FOLDER), Path(FOLDER))
    found = [path for folder in folders for path in sorted(folder.glob("*.yaml")) if path.name != SUITES]
    return dict(sorted((path.stem, path) for path in found))


def suites() -> dict[str, tuple[str, ...]]:
    """The scenarios of every suite, by the suite's name.

    Raises:
        ConfigError: The file is wrong, or names a scenario that is not there.
    """
    path = find(FOLDER, SUITES)
    if path is None:
        return {}
    found = read_yaml(path, Suites).root
    for suite, names in found.items():
        for name in names:
            if name not in paths():
                raise ConfigError(f"{path}: {suite}: there is no scenario '{name}'", "bench scenarios list")
    return found


def of_suite(name: str) -> tuple[str, ...]:
    """The scenarios of a suite.

    Raises:
        ConfigError: There is none of that name.
    """
    known = suites()
    if name not in known:
        raise ConfigError(f"there is no suite '{name}'", f"there are: {', '.join(known) or 'none'}")
    return known[name]


def _path(name: str) -> Path:
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    known = paths()
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=1)
    suggestion = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(known) or 'none'}"
    raise ConfigError(f"there is no scenario '{name}'", suggestion)


def _named(scenario: Path, relative: str, what: str) -> Path:
    path = find(FOLDER, relative, near=scenario.parent)
    if path is None:
        raise ConfigError(
            f"{scenario}: {what}: there is no file {relative}", f"looked beside {scenario.name}"
        )
    return path
