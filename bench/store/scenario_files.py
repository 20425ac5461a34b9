"""A scenario and the files that it names: its target, its messages, its data, and the scenarios of a mix."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from bench.core.config.choices import Choices
from bench.core.config.prompts import Prompts
from bench.core.config.repeat import spread_messages
from bench.core.config.run_spec import MixedSpec, RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.setting import SCENARIO, TARGET, Setting
from bench.core.config.target import Target, stand_in
from bench.core.values.nearest import suggest
from bench.errors import ConfigError
from bench.store.fields import list_fields
from bench.store.folders import SCENARIOS, find, hides_shipped, list_names
from bench.store.journeys import find_scenario, load_files, load_rows, load_turn
from bench.store.series import load_series
from bench.store.yaml_file import YamlFile

Value = TypeVar("Value")


class NamedFile(NamedTuple):
    """A file that takes part in a scenario."""

    kind: str
    """Field of the scenario that names it, or `scenario`."""
    file: YamlFile[Any]
    """The file."""
    hides_shipped: bool
    """Whether it is used instead of a shipped file of its name."""


class ScenarioFiles:
    """A scenario and the files that it names.

    Args:
        path: The scenario.
        choices: Values of the command line that replace those of the files.

    Raises:
        ConfigError: The scenario is not readable, or is not such a file.
    """

    def __init__(self, path: Path, choices: Choices) -> None:
        self._choices = choices
        self._errors: list[ConfigError] = []
        self.scenario = YamlFile(path, Scenario, choices.of_scenario, choices.variables)
        """The scenario."""
        self.target = self._attempt(lambda: self._find_target("target"))
        """Its target; None if it names none, or the file is not readable."""
        self.compare_with = self._attempt(lambda: self._find_target("compare_with"))
        """The target that it is compared with; None likewise."""
        self.prompts = self._attempt(lambda: _find_prompts(self.scenario))
        """Its messages; None likewise."""

    @property
    def targets(self) -> tuple[YamlFile[Target], ...]:
        """The scenario's target, then the target that it is compared with, if any."""
        return tuple(file for file in (self.target, self.compare_with) if file is not None)

    @property
    def named(self) -> tuple[NamedFile, ...]:
        """The scenario and the files that it names, in their order of use."""
        scenario = self.scenario
        files = [NamedFile("scenario", scenario, hides_shipped(scenario.path, scenario.path.name))]
        for kind, target in (("target", self.target), ("compare_with", self.compare_with)):
            if target is not None:
                is_own = hides_shipped(target.path, f"{Target.folder}/{target.path.name}")
                files.append(NamedFile(kind, target, is_own))
        if self.prompts is not None:
            is_own = hides_shipped(self.prompts.path, str(scenario.text_at("prompts")))
            files.append(NamedFile("prompts", self.prompts, is_own))
        return tuple(files)

    def require_variables(self) -> None:
        """Check that the variables of all requests have values, as a run needs them.

        Raises:
            ConfigError: A variable has no value.
        """
        self.scenario.require_variables()
        for target in self.targets:
            target.require_variables()

    def read(self) -> RunSpec:
        """Return the content of all files.

        Raises:
            ConfigError: A file is missing or wrong; the message has all errors of all files.
        """
        scenario = self._attempt(self._parse_scenario)
        target = self._attempt(self.target.parse) if self.target is not None else None
        compare_with = self._attempt(self.compare_with.parse) if self.compare_with is not None else None
        prompts = self._attempt(self.prompts.parse) if self.prompts is not None else None
        if self._errors or scenario is None:
            raise ConfigError.of_all(self._errors)
        scenario = load_series(self.scenario, scenario)
        mix = self._load_mix(scenario)
        if target is None:
            target = mix[0].spec.target if mix else stand_in(scenario.services[0])
        try:
            return RunSpec(
                scenario=scenario,
                target=target,
                prompts=spread_messages(
                    scenario.messages if prompts is None else prompts.messages, scenario.repeat
                ),
                compare_with=compare_with,
                rows=load_rows(self.scenario, scenario, target),
                files=load_files(self.scenario, scenario),
                turn=load_turn(self.scenario, scenario),
                mix=mix,
                overrides=self._choices.overrides,
                variables=self._choices.variables,
            )
        except ValidationError as error:
            raise self.scenario.invalid(error, RunSpec) from error

    def _attempt(self, read: Callable[[], Value]) -> Value | None:
        """Return a value; None if it cannot be read, and its error joins the errors."""
        try:
            return read()
        except ConfigError as error:
            self._errors.append(error)
            return None

    def _parse_scenario(self) -> Scenario:
        file = self.scenario
        scenario = file.parse()
        if scenario.name != file.path.stem:
            raise file.error(
                ("name",), f"'{scenario.name}' is not the name of the file", f"write name: {file.path.stem}"
            )
        if self._choices.target is not None and self.target is not None and scenario.target is not None:
            scenario = scenario.model_copy(update={"target": self.target.text_at("name")})
        return scenario

    def _load_mix(self, scenario: Scenario) -> tuple[MixedSpec, ...]:
        """Return the scenarios of a mix."""
        file = self.scenario
        parts = []
        for index, mixed in enumerate(scenario.mix):
            path = find_scenario(file, mixed.scenario, index)
            for field in ("mix", "compare_with"):
                if YamlFile(path, Scenario).has(field):
                    message = f"scenario '{mixed.scenario}' has {field}, so it cannot be a part of a mix"
                    raise file.error(("mix", index, "scenario"), message)
            spec = ScenarioFiles(path, self._choices.of_mix).read().for_mix()
            parts.append(MixedSpec(spec=spec, weight=mixed.weight, start_s=mixed.start_s))
        return tuple(parts)

    def _find_target(self, field: str) -> YamlFile[Target] | None:
        """Return the target that a field of the scenario names; None without a name."""
        scenario = self.scenario
        choices = self._choices
        name = scenario.text_at(field)
        if name is None:
            return None
        if field == "target" and choices.target is not None:
            path = find_target_file(choices.target)
        else:
            path = _find_near(scenario, field, name)
        return YamlFile(path, Target, _place_settings(path, choices), choices.variables)


def find_target_file(name: str) -> Path:
    """Return the file of a target by its name, or by its path that ends in `.yaml` or `.yml`.

    Raises:
        ConfigError: The target does not exist.
    """
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    path = find(SCENARIOS, f"targets/{name}.yaml")
    if path is None:
        raise ConfigError(
            f"target '{name}' does not exist", suggest(name, list_names(SCENARIOS, "targets/*.yaml"))
        )
    return path


def _find_near(scenario: YamlFile[Scenario], field: str, name: str) -> Path:
    """Return the file of a target that a scenario names.

    Raises:
        ConfigError: The target does not exist.
    """
    folder = scenario.path.parent
    path = find(SCENARIOS, f"targets/{name}.yaml", near=folder)
    if path is None:
        targets = list_names(SCENARIOS, "targets/*.yaml", near=folder)
        raise scenario.error((field,), f"there is no file targets/{name}.yaml", suggest(name, targets))
    return path


def _place_settings(path: Path, choices: Choices) -> tuple[Setting, ...]:
    """Return the settings of a target.

    Raises:
        ConfigError: A key may mean a field of the body or of a file.
    """
    if not choices.settings:
        return ()
    body = YamlFile(path, Target).content.get("body")
    fields = {SCENARIO: list_fields(Scenario, ()), TARGET: list_fields(Target, ())}
    return choices.of_target(body, fields)


def _find_prompts(scenario: YamlFile[Scenario]) -> YamlFile[Prompts] | None:
    """Return the messages of a scenario; None if it names no file."""
    relative = scenario.text_at("prompts")
    if relative is None:
        return None
    folder = scenario.path.parent
    path = find(SCENARIOS, relative, near=folder)
    if path is None:
        names = [f"prompts/{name}.yaml" for name in list_names(SCENARIOS, "prompts/*.yaml", near=folder)]
        raise scenario.error(("prompts",), f"there is no file {relative}", suggest(relative, names))
    return YamlFile(path, Prompts)
