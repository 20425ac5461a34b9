"""Values of a scenario's files that the command line replaces for one run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.core.config.placeholders import MODEL
from bench.core.config.setting import BODY, SCENARIO, TARGET, Setting, parse_setting
from bench.core.values.wording import choice
from bench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Choices:
    """Values of a scenario's files that the command line replaces for one run."""

    target: str | None = None
    """Name or path of the target; None keeps the scenario's."""
    settings: Sequence[Setting] = ()
    """Values of `--set`."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables that replace those of the environment."""
    overrides: tuple[str, ...] = ()
    """The options as a person writes them, for the result."""

    @property
    def of_scenario(self) -> tuple[Setting, ...]:
        """The settings of the scenario."""
        return tuple(setting for setting in self.settings if setting.file == SCENARIO)

    @property
    def of_mix(self) -> "Choices":
        """The choices for the scenarios of a mix, which have their own targets."""
        settings = [setting for setting in self.settings if setting.file != SCENARIO]
        return Choices(settings=tuple(settings), variables=self.variables)

    def of_target(self, body: object, fields: Mapping[str, Collection[str]]) -> tuple[Setting, ...]:
        """Return the settings of a target.

        Args:
            body: Body of the target.
            fields: Names of the fields of a scenario and of a target, by the kind of file.

        Raises:
            ConfigError: A key names no file, and may mean the body or a field of a file.
        """
        of_target = []
        for setting in self.settings:
            if setting.file == TARGET:
                of_target.append(setting)
            elif not setting.file:
                of_target.append(_place_in_body(setting, body, fields))
        return tuple(of_target)


NO_CHOICES = Choices()


def make_choices(target: str | None, model: str | None, settings: Sequence[str]) -> Choices:
    """Return the choices of the options `--target`, `--model` and `--set`.

    Raises:
        ConfigError: A setting is not KEY=VALUE.
    """
    parsed = [parse_setting(text) for text in settings]
    overrides = [setting.shown for setting in parsed]
    if model is not None:
        overrides.insert(0, f"--model {model}")
    return Choices(target, tuple(parsed), model_variables(model), tuple(overrides))


def model_variables(model: str | None) -> dict[str, str]:
    """Return the variables of a run with another model."""
    return {} if model is None else {MODEL: model}


def _place_in_body(setting: Setting, body: object, fields: Mapping[str, Collection[str]]) -> Setting:
    key = str(setting.path[1])
    has_key = isinstance(body, Mapping) and key in body
    files = [file for file, names in fields.items() if key in names]
    if not has_key and files:
        value = setting.text.removeprefix("--set ")
        raise ConfigError(
            f"{setting.text}: the body of the target has no '{key}', but the {choice(files)} has it",
            f"write {choice([f'--set {file}.{value}' for file in (*files, BODY)])}",
        )
    return replace(setting, file=TARGET)
