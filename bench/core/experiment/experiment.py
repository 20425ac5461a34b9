"""An experiment: a hypothesis about variants of a stack, the loads that test it, and the claims."""

import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from bench.core.config.inheritance import Inheriting
from bench.core.config.objective import Objectives
from bench.core.config.phase_fields import Rate, Vus
from bench.core.config.placeholders import KEEPS_PLACEHOLDERS
from bench.core.config.stack import Stack
from bench.core.config.target import Name
from bench.core.config.version import parse_version
from bench.core.experiment.claim_range import ClaimRange, ClaimScale, parse_effect, parse_value
from bench.core.experiment.effect_estimate import FEWEST_BLOCKS
from bench.core.experiment.quantities import Quantity, parse_quantity
from bench.core.experiment.situation import Situation
from bench.core.values.duration import PositiveDuration, format_duration
from bench.core.values.nearest import suggest
from bench.core.values.record import FieldError, Record
from bench.errors import ConfigError

BASE = "base"
"""Name of the stack that the variants are compared with."""
MOST_BLOCKS = 12
"""Most blocks of one scenario at one load."""
MOST_VARIANTS = 64
"""Most variants of an experiment, with those of its grid."""
_BLOCKS = re.compile(r"(?:(\d{1,2})\.\.)?(\d{1,2})")
Sentence = Annotated[str, Field(min_length=1)]
Label = Annotated[str, StringConstraints(pattern=r"^[^\s,][^,]*$", max_length=100)]


def _as_variant(value: Any) -> Any:
    """Return a variant that is written as the text of a version."""
    return {"version": value} if isinstance(value, str) else value


class ServiceChange(Record):
    """Changes of one service of a variant."""

    environment: Annotated[dict[str, str], KEEPS_PLACEHOLDERS] = {}
    """Environment variables that replace those of the stack file, by name."""
    replicas: Annotated[int, Field(ge=1)] | None = None
    """Number of instances; default: that of the stack file."""

    def with_variable(self, name: str, value: str) -> "ServiceChange":
        """Return a copy with another value of a variable."""
        return self.model_copy(update={"environment": {**self.environment, name: value}})


class Variant(Record):
    """A version of a stack, as `bench ab` has it, and what else it changes."""

    version: Annotated[str, Field(min_length=1)]
    """STACK, STACK@COMMIT, STACK@./FOLDER, each with +VARIABLE=VALUE, or an address."""
    services: dict[Name, ServiceChange] = {}
    """Changes of single services, by name."""
    target: Name | None = None
    """Target that gets the requests, if it is not that of the scenario."""
    settings: tuple[str, ...] = ()
    """Values such as `stream=false` or `scenario.think_time=1s`, as for `--set`."""
    inject: tuple[str, ...] = ()
    """Knobs that make the variant worse, such as `model.slowdown=1.3`."""


VariantOrText = Annotated[Variant, BeforeValidator(_as_variant, json_schema_input_type=Variant | str)]


class ExperimentLoad(Record):
    """A load: it replaces that of the scenario's measured phase."""

    name: Label | None = None
    """Name in reports; default: the load in words, such as `25 VUs`."""
    vus: Vus | None = None
    """Number of VUs."""
    rate: Rate | None = None
    """Requests per `time_unit`."""
    duration_s: Annotated[PositiveDuration | None, Field(alias="duration")] = None
    """Duration of the measured phase."""
    settings: tuple[str, ...] = ()
    """Further values of the scenario, such as `scenario.think_time=1s`, as for `--set`."""

    @property
    def label(self) -> str:
        """Name in reports."""
        if self.name is not None:
            return self.name
        parts: list[str] = []
        if self.vus is not None:
            parts.append("1 VU" if self.vus == 1 else f"{self.vus} VUs")
        if self.rate is not None:
            parts.append(f"{self.rate:g} requests/s")
        if self.duration_s is not None and not parts:
            parts.append(format_duration(self.duration_s))
        return " ".join(parts) or " ".join(self.settings) or "its own load"


class ExperimentClaim(Record):
    """A claim about the variants, as a range."""

    metric: Annotated[str, Field(min_length=1)]
    """Metric, and for a latency the statistic: `e2e_ms p50`, `requests_rps` or `success_ratio`."""
    effect: str | None = None
    """Claimed change from the base: `3x..5x`, `-40%..-60%`, `>= 2x`, `<= +5%` or `>= -1pp`."""
    value: str | None = None
    """Claimed value of the variant itself: `>= 99.9%` or `<= 2s`."""
    variants: tuple[Label, ...] = ()
    """Variants that the claim is about; default: all."""
    loads: tuple[Label, ...] = ()
    """Loads at which the claim holds, by name; default: all."""
    scenarios: tuple[Name, ...] = ()
    """Scenarios in which the claim holds; default: all."""
    holds: Literal["everywhere", "somewhere"] = "everywhere"
    """Whether the claim holds for all of these variants, loads and scenarios, or for at least one."""

    @model_validator(mode="after")
    def _check(self) -> "ExperimentClaim":
        try:
            quantity = self.quantity
        except ValueError as error:
            raise FieldError(("metric",), str(error)) from error
        if (self.effect is None) == (self.value is None):
            raise FieldError(("effect",), "write either effect or value")
        field = "value" if self.effect is None else "effect"
        try:
            claimed = self.range
        except ValueError as error:
            raise FieldError((field,), str(error)) from error
        if self.effect is not None and quantity.is_share != (claimed.scale is ClaimScale.POINTS):
            unit = "points, such as '>= -1pp'" if quantity.is_share else "factors or per cents"
            raise FieldError((field,), f"the effect on {quantity.text} has {unit}")
        return self

    @property
    def quantity(self) -> Quantity:
        """The claimed metric and its statistic."""
        return parse_quantity(self.metric)

    @property
    def range(self) -> ClaimRange:
        """The claimed range."""
        if self.value is not None:
            return parse_value(self.value, self.quantity.unit)
        return parse_effect(self.effect or "", higher_is_better=self.quantity.higher_is_better)

    @property
    def text(self) -> str:
        """The claim in words."""
        return f"{self.quantity.label}: {self.effect or self.value}"

    def covers(self, scenario: str, load: str, variant: str) -> bool:
        """Return whether the claim is about a variant in a scenario at a load."""
        chosen = ((self.scenarios, scenario), (self.loads, load), (self.variants, variant))
        return all(not names or name in names for names, name in chosen)


class Grid(Record):
    """Variants that combine the values of some factors."""

    version: str | None = None
    """Version that the factors change; default: that of the base."""
    factors: Annotated[dict[str, Annotated[tuple[str, ...], Field(min_length=1)]], Field(min_length=1)]
    """Values by variable: `NAME` of the complete stack, or `SERVICE.NAME` of one service."""
    labels: dict[str, Label] = {}
    """Short names of factors for the names of the variants, such as `parallel`; default: the variable."""
    costs: tuple[str, ...] = ("cpu_ms",)
    """Metrics that the Pareto front compares with the response time and the throughput."""

    @model_validator(mode="after")
    def _check_labels_and_costs(self) -> "Grid":
        _require_names(("labels",), self.labels, self.factors)
        for index, text in enumerate(self.costs):
            try:
                parse_quantity(text)
            except ValueError as error:
                raise FieldError(("costs", index), str(error)) from error
        return self

    def expand(self, base: Variant) -> Iterator[tuple[str, Variant]]:
        """Yield the variants with their names, such as `OLLAMA_NUM_PARALLEL=4 MODEL=small`."""
        for values in itertools.product(*self.factors.values()):
            chosen = dict(zip(self.factors, values, strict=True))
            version = self.version or base.version
            services = dict(base.services)
            names: list[str] = []
            for factor, value in chosen.items():
                service, _, variable = factor.rpartition(".")
                names.append(f"{self.labels.get(factor, variable)}={value}")
                if service:
                    change = services.get(service, ServiceChange())
                    services[service] = change.with_variable(variable, value)
                else:
                    version += f"+{variable}={value}"
            yield " ".join(names), base.model_copy(update={"version": version, "services": services})


class Experiment(Inheriting):
    """A hypothesis about variants of a stack, the loads that test it, and the claims."""

    folder = "experiments"

    name: Name
    """Name of the file without its ending."""
    hypothesis: Sentence
    """What the experiment expects, in one sentence."""
    promise: Sentence | None = None
    """The promise that the experiment tests, as its author wrote it."""
    advice: Sentence | None = None
    """When to use the variant, in one sentence, as far as the design of the experiment decides it."""
    helps_with: tuple[Situation, ...] = ()
    """Situations of a run in which a report names this experiment as advice."""
    base: VariantOrText
    """Version that the variants are compared with."""
    variants: dict[Label, VariantOrText] = {}
    """Versions to test, by name."""
    grid: Grid | None = None
    """Variants that combine the values of some factors."""
    scenarios: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Scenarios that all versions get."""
    loads: Annotated[tuple[ExperimentLoad, ...], Field(min_length=1)] = (ExperimentLoad(),)
    """Loads of each scenario; default: its own load."""
    objectives: Objectives = {}
    """Time limit of a good response in milliseconds, by metric, for goodput."""
    claims: tuple[ExperimentClaim, ...] = ()
    """Claims to test."""
    blocks: Annotated[str, StringConstraints(pattern=r"^(\d{1,2}\.\.)?\d{1,2}$")] = "3..5"
    """Number of blocks: `LEAST..MOST`. A block has one run of the base and of each variant."""

    @model_validator(mode="after")
    def _check(self) -> "Experiment":
        self._check_blocks()
        self._check_names()
        self._check_versions()
        return self

    def _check_blocks(self) -> None:
        least, most = self.block_limits
        if not FEWEST_BLOCKS <= least <= most <= MOST_BLOCKS:
            raise FieldError(("blocks",), f"write LEAST..MOST from {FEWEST_BLOCKS} to {MOST_BLOCKS}")

    def _check_names(self) -> None:
        if BASE in self.variants:
            raise FieldError(("variants", BASE), "is the name of the base; choose another one")
        versions = self.versions
        if len(versions) == 1:
            raise FieldError(("variants",), "is missing; name a variant, or write a grid")
        if len(versions) > MOST_VARIANTS:
            raise FieldError(("grid",), f"has {len(versions) - 1} variants; the most are {MOST_VARIANTS - 1}")
        labels = self.load_labels
        _refuse_repeated("scenarios", self.scenarios, "remove one")
        _refuse_repeated("loads", labels, "give it a name")
        for index, claim in enumerate(self.claims):
            place = ("claims", index)
            _require_names((*place, "variants"), claim.variants, [*versions][1:])
            _require_names((*place, "loads"), claim.loads, labels)
            _require_names((*place, "scenarios"), claim.scenarios, self.scenarios)

    def _check_versions(self) -> None:
        for name, variant in {BASE: self.base, **self.variants}.items():
            place = (BASE,) if name == BASE else ("variants", name)
            try:
                if "://" not in variant.version:
                    parse_version(variant.version)
            except ConfigError as error:
                raise FieldError(place, f"{error.message}; write {error.hint}") from error

    @property
    def block_limits(self) -> tuple[int, int]:
        """Smallest and largest number of blocks."""
        match = _BLOCKS.fullmatch(self.blocks)
        if match is None:  # the field has the same pattern
            return FEWEST_BLOCKS, MOST_BLOCKS
        most = int(match[2])
        return (FEWEST_BLOCKS if match[1] is None else int(match[1])), most

    @property
    def versions(self) -> Mapping[str, Variant]:
        """The base and all variants, by name; the base is the first."""
        versions = {BASE: self.base, **self.variants}
        if self.grid is not None:
            versions |= dict(self.grid.expand(self.base))
        return versions

    @property
    def load_labels(self) -> list[str]:
        """The names of the loads."""
        return [load.label for load in self.loads]


def change_services(stack: Stack, changes: Mapping[Name, ServiceChange]) -> Stack:
    """Return a stack with the changes of a variant.

    Raises:
        ConfigError: The stack starts no such service, or a change does not fit it.
    """
    services = dict(stack.services)
    for name, change in changes.items():
        if name not in services:
            message = f"stack '{stack.name}' has no process '{name}' to change"
            raise ConfigError(message, suggest(name, services))
        service = services[name]
        update: dict[str, object] = {"environment": {**service.environment, **change.environment}}
        if change.replicas is not None:
            update["replicas"] = change.replicas
        services[name] = service.model_copy(update=update)
    return stack.model_copy(update={"services": services})


def _refuse_repeated(field: str, names: Sequence[str], cure: str) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise FieldError((field, index), f"another one is '{name}' too; {cure}")


def _require_names(path: tuple[str | int, ...], names: Collection[str], existing: Collection[str]) -> None:
    for name in names:
        if name not in existing:
            raise FieldError(path, f"there is no '{name}'; {suggest(name, existing)}")
