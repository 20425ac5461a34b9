"""The specification of a run: a scenario together with the files that it names."""

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from bench.core.config.compose import Variable
from bench.core.config.executors import OpenLoop
from bench.core.config.journey_checks import check_requests, check_tags
from bench.core.config.load_override import LoadOverrides, override_load
from bench.core.config.prompts import Prompt
from bench.core.config.scenario import Scenario
from bench.core.config.target import Name, Target, stand_in
from bench.core.config.template import is_dynamic
from bench.core.config.turn import TurnFile
from bench.core.limits.threshold import Threshold, drop_time_limits, replace_thresholds
from bench.core.samples.coverage import Coverage
from bench.core.samples.metrics import milestone_name
from bench.core.values.nearest import suggest
from bench.core.values.record import FieldError, Record


class RunSpec(Record):
    """A scenario, its targets and its messages: the complete input of a run."""

    scenario: Scenario
    """The scenario, with all overrides from the command line and the stack."""
    target: Target
    """The interface that the requests go to."""
    prompts: tuple[Prompt, ...]
    """The messages of the scenario's prompts file."""
    compare_with: Target | None = None
    """The second target that gets every message too; None if the scenario has only one."""
    rows: Annotated[tuple[dict[str, Any], ...], Field(repr=False)] = ()
    """The rows of the scenario's data."""
    files: Annotated[dict[str, bytes], Field(repr=False)] = {}
    """The content of each file that a step uploads, by its path in the scenario."""
    turn: TurnFile | None = None
    """The Python file of the scenario's turn; None if it has none."""
    mix: tuple["MixedSpec", ...] = ()
    """The scenarios that share the load, if the scenario is a mix."""
    overrides: tuple[str, ...] = ()
    """Options that replaced a part of the scenario or its target, such as `--vus 5`."""
    variables: Mapping[Variable, str] = {}
    """Variables that replace those of the environment in this run, such as `MODEL`."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """The scenario's target, then the target that it is compared with, if any."""
        return (self.target,) if self.compare_with is None else (self.target, self.compare_with)

    @property
    def unpaired(self) -> str | None:
        """Why the scenario cannot run in pairs on two versions; None if it can."""
        if self.compare_with is not None:
            return "it compares two targets itself"
        if self.scenario.capacity is not None:
            return "it searches the safe load, which is compared with its baseline"
        return None

    @property
    def parts(self) -> tuple["RunSpec", ...]:
        """The scenarios that send requests: those of the mix, or this one."""
        return tuple(part.spec for part in self.mix) or (self,)

    @property
    def is_journey(self) -> bool:
        """Whether a VU does more than to send messages, or its messages contain values of the VU."""
        target = self.target
        return self.scenario.is_journey or is_dynamic([target.path, target.headers, target.body])

    @property
    def has_turn(self) -> bool:
        """Whether a turn in Python sends requests, whose steps and milestones only the run shows."""
        return any(part.turn is not None for part in self.parts)

    def for_mix(self) -> "RunSpec":
        """Return a copy for a mix: the scenario's name stands before the names of its steps and messages."""
        prefix = f"{self.scenario.name}/"
        prompts = [prompt.model_copy(update={"id": prefix + prompt.id}) for prompt in self.prompts]
        scenario = self.scenario
        login = None if scenario.login is None else scenario.login.with_prefix(prefix)
        steps = [step.model_copy(update={"name": prefix + step.name}) for step in scenario.journey_steps]
        scenario = scenario.model_copy(update={"login": login, "steps": tuple(steps)})
        turn = None if self.turn is None else self.turn.model_copy(update={"prefix": prefix})
        return self.model_copy(update={"prompts": tuple(prompts), "scenario": scenario, "turn": turn})

    @property
    def coverage(self) -> Coverage:
        """The steps of the run, for metrics that cover some of them."""
        if not self.is_journey:
            return Coverage()
        tags: dict[str, dict[str, str]] = {}
        messages: list[str] = []
        for part in self.parts:
            scenario = part.scenario
            login_steps = scenario.login.requests if scenario.login is not None else ()
            for step in (*login_steps, *scenario.journey_steps):
                tags[step.name] = {"scenario": scenario.name, **step.tags}
                if step.messages is not None:
                    messages.append(step.name)
        return Coverage(tags, frozenset(messages) if messages else None)

    @property
    def message_classes(self) -> dict[str, str]:
        """The class of each message by the id that it has in results."""
        classes: dict[str, str] = {}
        for part in self.parts:
            if part.scenario.has_messages:
                for prompt in part.prompts:
                    classes |= prompt.classes
        return classes

    @property
    def interfaces(self) -> tuple[Target, ...]:
        """Each interface that receives requests, once; a service without a target has a stand-in."""
        interfaces: dict[str, Target] = {}
        services: set[str] = set()
        for part in self.parts:
            for target in part.targets:
                interfaces.setdefault(target.name, target)
                services.add(target.service)
        for part in self.parts:
            for service in part.scenario.services:
                if service not in services:
                    services.add(service)
                    interfaces[service] = stand_in(service)
        return tuple(interfaces.values())

    def with_objectives(self, objectives: Mapping[str, float]) -> "RunSpec":
        """Return a copy with these objectives; those of other metrics stay."""
        return self._with_scenario(objectives={**self.scenario.objectives, **objectives})

    def with_thresholds(self, thresholds: Mapping[str, tuple[Threshold, ...] | None]) -> "RunSpec":
        """Return a copy with these thresholds for the metrics that the scenario has thresholds for."""
        return self._with_scenario(thresholds=replace_thresholds(self.scenario.thresholds, thresholds))

    def without_time_limits(self, kept: Collection[str] = ()) -> "RunSpec":
        """Return a copy without thresholds on times, except those of the metrics to keep."""
        return self._with_scenario(thresholds=drop_time_limits(self.scenario.thresholds, kept))

    def without_thresholds(self) -> "RunSpec":
        """Return a copy that no threshold fails or ends."""
        return self._with_scenario(thresholds={})

    def with_more_thresholds(self, thresholds: Mapping[str, tuple[Threshold, ...]]) -> "RunSpec":
        """Return a copy that has these thresholds as well."""
        merged = dict(self.scenario.thresholds)
        for key, limits in thresholds.items():
            merged[key] = (*merged.get(key, ()), *limits)
        return self._with_scenario(thresholds=merged)

    def with_load(self, overrides: LoadOverrides) -> "RunSpec":
        """Return a copy with another load in the only phase that is not a warm-up.

        Raises:
            ConfigError: The executor has no such field, the value is out of range, or several phases are
                measured. The message names the executors that have the field.
        """
        changed = self._with_scenario(phases=override_load(self.scenario, overrides))
        options = dict.fromkeys((*self.overrides, *overrides.options.values()))
        return changed.model_copy(update={"overrides": tuple(options)})

    def with_services(self, service_of: Callable[[Target], Name]) -> "RunSpec":
        """Return a copy whose targets are interfaces of other services.

        Args:
            service_of: Returns the service of a target.
        """
        if self.scenario.target is None and not self.mix:
            return self  # steps name their services themselves
        moved = [target.model_copy(update={"service": service_of(target)}) for target in self.targets]
        mix: list[MixedSpec] = []
        for part in self.mix:
            mix.append(part.model_copy(update={"spec": part.spec.with_services(service_of)}))
        compare_with = moved[1] if len(moved) > 1 else None
        return self.model_copy(update={"target": moved[0], "compare_with": compare_with, "mix": tuple(mix)})

    def _with_scenario(self, **changes: object) -> "RunSpec":
        return self.model_copy(update={"scenario": self.scenario.model_copy(update=changes)})

    @model_validator(mode="after")
    def _require_milestones(self) -> "RunSpec":
        if self.has_turn:
            return self
        declared = [name for target in self.interfaces for name in target.milestones]
        named: dict[tuple[str, ...], str | None] = {("leave_at",): self.scenario.leave_at}
        named |= {("thresholds", key): milestone_name(key) for key in self.scenario.thresholds}
        for path, name in named.items():
            if name is not None and name not in declared:
                message = f"the target declares no milestone '{name}'; {suggest(name, declared)}"
                raise FieldError(path, message)
        return self

    @model_validator(mode="after")
    def _check_journey(self) -> "RunSpec":
        scenario = self.scenario
        if self.is_journey and not scenario.mix:
            check_requests(scenario, self.target, self.prompts)
        if not self.has_turn:
            check_tags(scenario.thresholds, self.coverage)
        return self

    @model_validator(mode="after")
    def _require_single_answers_for_repeat(self) -> "RunSpec":
        if self.scenario.repeat is None:
            return self
        for prompt in self.prompts:
            if prompt.then:
                problem = "is a conversation"
            elif prompt.expect.is_refusal:
                problem = "must be refused"
            else:
                continue
            raise FieldError(
                ("repeat",), f"message '{prompt.id}' {problem}; repeat needs single messages with an answer"
            )
        return self

    @model_validator(mode="after")
    def _require_faults_at_the_top(self) -> "RunSpec":
        for part in self.mix:
            name = part.spec.scenario.name
            if part.spec.scenario.faults:
                raise FieldError(("mix",), f"'{name}' has faults; write them in the scenario of the mix")
        return self

    @model_validator(mode="after")
    def _require_closed_loops_for_conversations(self) -> "RunSpec":
        if self.is_journey:  # an arrival is a complete iteration
            return self
        has_open_loop = any(isinstance(phase, OpenLoop) for phase in self.scenario.phases)
        conversations = [prompt.id for prompt in self.prompts if prompt.then]
        if has_open_loop and conversations:
            raise FieldError(
                ("prompts",),
                f"message '{conversations[0]}' is a conversation, which needs an executor with VUs; "
                "use for example constant-vus",
            )
        return self


class MixedSpec(Record):
    """A scenario of a mix, and its share of the load."""

    spec: RunSpec
    """The scenario, its target and its messages."""
    weight: int
    """Its share of the VUs or arrivals, compared with the weights of the others."""
    start_s: float
    """Seconds from the start of each phase before which it sends nothing."""
