"""Scenarios and the files they name: `scenarios/*.yaml`, `scenarios/targets/`, `scenarios/prompts/`."""

from difflib import get_close_matches
from pathlib import Path

from bench.core.scenario import Brief, Prompts, Scenario, Target
from bench.errors import ConfigError
from bench.store.declarations import read_yaml
from bench.store.folders import find, shipped

FOLDER = "scenarios"


def load(name: str) -> Brief:
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
    prompts = _named(path, scenario.workload.prompts, "workload.prompts")
    return Brief(
        scenario=scenario,
        target=read_yaml(target, Target),
        prompts=read_yaml(prompts, Prompts).messages,
    )


def paths() -> dict[str, Path]:
    """Every scenario by name; one of the user's hides a shipped one of the same name."""
    folders = (shipped(FOLDER), Path(FOLDER))
    return dict(sorted((path.stem, path) for folder in folders for path in sorted(folder.glob("*.yaml"))))


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
