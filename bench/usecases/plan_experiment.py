"""Plan an experiment: its versions, and each scenario at each load as each version gets it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from bench.core.config.load_override import LoadOverrides
from bench.core.config.quick_load import is_address
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.version import parse_version
from bench.core.experiment.experiment import (
    BASE,
    Experiment,
    ExperimentLoad,
    Variant,
    change_services,
)
from bench.core.values import wording
from bench.errors import ConfigError
from bench.measure.run.alternate import Arm
from bench.measure.run.conditions import Conditions, Listener
from bench.usecases.options import RunOptions
from bench.usecases.time_limit import expect_s
from bench.usecases.versions import VersionPlanner, load_specs

_START_S = 4.0
"""Expected time to start and stop a stack of processes, and to add its users."""


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """One scenario at one load."""

    load: str
    """Name of the load."""
    specs: Mapping[str, RunSpec]
    """The scenario, as each version gets it."""

    @property
    def scenario(self) -> Scenario:
        """The scenario, as the base gets it."""
        return self.specs[BASE].scenario

    @property
    def expected_s(self) -> float:
        """Expected duration of a block in seconds."""
        return sum(expect_s(spec.scenario) + _START_S for spec in self.specs.values())


@dataclass(frozen=True, slots=True)
class PlannedExperiment:
    """An experiment that can be measured."""

    experiment: Experiment
    arms: Mapping[str, Arm]
    """The versions by name; the base is the first."""
    cells: Sequence[PlannedCell]
    """The scenarios at their loads."""

    def describe(self) -> tuple[str, ...]:
        """Return the runs and their expected duration, one line each."""
        least, most = self.experiment.block_limits
        versions = len(self.arms)
        lines = [f"{self.experiment.name}: {self.experiment.hypothesis}"]
        for name, version in self.experiment.versions.items():
            lines.append(f"  {name}: {_describe_version(version)}")
        block_s = 0.0
        for cell in self.cells:
            block_s += cell.expected_s
            minutes = _describe_range(least * cell.expected_s / 60, most * cell.expected_s / 60, ".1f")
            runs = _describe_range(least * versions, most * versions, "d")
            lines.append(f"  {cell.scenario.name}, {cell.load}: {runs} runs, {minutes} min")
        cells = f"{wording.counted(len(self.cells), 'load')} of a scenario"
        total = _describe_range(least * block_s / 60, most * block_s / 60, ".1f")
        lines.append(f"{cells}, {_describe_range(least, most, 'd')} blocks, {total} min")
        return tuple(lines)


def plan_experiment(
    experiment: Experiment, options: RunOptions, conditions: Conditions, files: ExitStack, listener: Listener
) -> PlannedExperiment:
    """Return the measurement of an experiment.

    Args:
        experiment: The experiment.
        options: Options of all versions.
        conditions: Conditions of all versions.
        files: Keeps the files of the versions until it is closed.
        listener: Receives notes.

    Raises:
        ConfigError: A version, a scenario or a load does not exist, or does not fit the others.
        TargetError: A command of `prepare`, or a build, failed.
    """
    arms: dict[str, Arm] = {}
    specs: dict[str, list[RunSpec]] = {}
    for name, variant in experiment.versions.items():
        with _name_place(f"experiment '{experiment.name}', {name}"):
            planner = VersionPlanner(
                experiment.scenarios, _options_of(variant, options), conditions, files, listener
            )
            arm = planner.plan(variant.version, variant.inject).arm
            arm = replace(arm, name=name, stack=change_services(arm.stack, variant.services))
            arms[name] = arm
            specs[name] = _list_specs(experiment, variant, arm, options)
    cells: list[PlannedCell] = []
    labels = experiment.load_labels
    for index, label in enumerate(labels * len(experiment.scenarios)):
        cells.append(PlannedCell(label, {name: of_version[index] for name, of_version in specs.items()}))
    return PlannedExperiment(experiment, arms, cells)


@contextmanager
def _name_place(place: str) -> Iterator[None]:
    """Name the place in the experiment in the message of an error."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.message}", error.hint) from error


def _list_specs(experiment: Experiment, variant: Variant, arm: Arm, options: RunOptions) -> list[RunSpec]:
    """Return each scenario at each load, as a version gets it."""
    variables = {} if is_address(variant.version) else parse_version(variant.version).variables
    specs: list[RunSpec] = []
    for scenario in experiment.scenarios:
        for load in experiment.loads:
            own = _options_of(variant, options, load)
            with _name_place(f"{scenario}, {load.label}"):
                (spec,) = load_specs([scenario], arm.stack, own, variables)
                specs.append(_apply_load(spec, load).with_objectives(experiment.objectives))
    return specs


def _apply_load(spec: RunSpec, load: ExperimentLoad) -> RunSpec:
    """Return a scenario at a load. Its claims are judged, and not its thresholds, which could end a run."""
    changed = spec.with_load(LoadOverrides(vus=load.vus, rate=load.rate, duration=load.duration_s))
    return changed.without_thresholds()


def _options_of(variant: Variant, options: RunOptions, load: ExperimentLoad | None = None) -> RunOptions:
    settings = (*variant.settings, *(() if load is None else load.settings))
    return RunOptions(**{**options, "target": variant.target, "settings": settings})


def _describe_version(variant: Variant) -> str:
    parts = [variant.version]
    for service, change in variant.services.items():
        for name, value in change.environment.items():
            parts.append(f"{service}.{name}={value}")
        if change.replicas is not None:
            parts.append(f"{service}: {wording.counted(change.replicas, 'replica')}")
    if variant.target is not None:
        parts.append(f"target {variant.target}")
    return ", ".join((*parts, *variant.settings, *variant.inject))


def describe_versions(experiment: Experiment) -> dict[str, str]:
    """Return every version in words, by its name."""
    return {name: _describe_version(variant) for name, variant in experiment.versions.items()}


def _describe_range(least: float, most: float, form: str) -> str:
    """Return a range of numbers in a format, or one number if both are equal."""
    first = format(least, form)
    last = format(most, form)
    return first if first == last else f"{first} to {last}"
