"""Decide what a job measures: its base, its scenarios and their stacks, or why it measures nothing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.core.config.choices import model_variables
from bench.core.config.suites import Suite, SuiteEntry
from bench.core.run.job import JobScenario, JudgedBy, cut_sentence
from bench.errors import ConfigError
from bench.measure.run.checkout import commit_of, find_repository, list_changed_files, merge_base
from bench.measure.run.provenance import head_commits
from bench.publish.trigger import Trigger
from bench.store import scenarios, stacks
from bench.store.folders import SCENARIOS
from bench.usecases.options import RunOptions
from bench.usecases.time_limit import expect_s

AUTO = "auto"
"""The base that belongs to the event."""
_WITH_BASE = {"pull_request", "merge_group"}
_DEPTH_HINT = "actions/checkout needs fetch-depth: 2 for a pull request, and 0 for other events"
_EXTERNAL = "external"
_EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class StackGroup:
    """The scenarios of a suite that run on the same stack."""

    stack: str
    """Name of the stack."""
    paired: tuple[str, ...] = ()
    """Scenarios that are compared with the base in pairs."""
    alone: Mapping[str, str | None] = field(default_factory=dict)
    """Scenarios that are compared with their baseline, with the reason if there is a base."""
    durations_s: Mapping[str, float] = field(default_factory=dict)
    """Expected duration of the load of each scenario."""

    @property
    def duration_s(self) -> float:
        """Duration of the loads of all scenarios."""
        return sum(self.durations_s.values())

    def list_scenarios(self) -> Iterator[JobScenario]:
        """Yield the scenarios as the file of the job has them."""
        for name in self.paired:
            yield JobScenario(scenario=name, stack=self.stack, judged_by=JudgedBy.PAIRS)
        for name, reason in self.alone.items():
            short = None if reason is None else cut_sentence(reason)
            yield JobScenario(scenario=name, stack=self.stack, judged_by=JudgedBy.BASELINE, reason=short)

    def leave_to_baselines(self, decided: Collection[str], reason: str) -> "StackGroup":
        """Return a copy in which the pairs decide only on these scenarios, for a reason."""
        paired: list[str] = []
        alone: dict[str, str | None] = {}
        for name in self.paired:
            if name in decided:
                paired.append(name)
            else:
                alone[name] = reason
        return replace(self, paired=tuple(paired), alone={**alone, **self.alone})


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a job measures."""

    base: str | None = None
    """The commit to compare with in pairs; `None` for no pairs."""
    groups: tuple[StackGroup, ...] = ()
    """The scenarios by stack."""
    broken: Mapping[str, ConfigError] = field(default_factory=dict)
    """Scenarios whose files are wrong, with the error."""
    skip: str | None = None
    """Why nothing is measured, in one sentence."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all scenarios that need a result."""
        return (*self.broken, *(scenario.scenario for scenario in self.scenarios))

    @property
    def scenarios(self) -> tuple[JobScenario, ...]:
        """The scenarios that can be measured, as the file of the job has them."""
        listed: list[JobScenario] = []
        for group in self.groups:
            listed += group.list_scenarios()
        return tuple(listed)

    @property
    def paired(self) -> tuple[str, ...]:
        """The scenarios that are compared in pairs."""
        names: list[str] = []
        for group in self.groups:
            names += group.paired
        return tuple(names)


def plan_job(name: str, against: str, trigger: Trigger, options: RunOptions) -> JobPlan:
    """Return what a job measures.

    Args:
        name: Name of the suite.
        against: `auto`, a branch, a tag or a commit, or an empty text for no pairs.
        trigger: The event that started the job.
        options: Options of the measurement.

    Raises:
        ConfigError: The suite or a stack does not exist, or the commit of `against` is not here.
    """
    suite = scenarios.find_suite(name)
    skip = trigger.explain_skip()
    if skip is not None:
        return JobPlan(skip=skip)
    base, no_base = _find_base(against, trigger)
    skip = _explain_unchanged(suite, base)
    if skip is not None and not trigger.is_full:
        return JobPlan(skip=skip)
    sorter = _Sorter(base, no_base, trigger, options)
    for entry in _list_entries(suite, trigger):
        sorter.add(entry)
    plan = JobPlan(base, sorter.list_groups(), sorter.broken)
    if not plan.names:
        raise ConfigError(f"all scenarios of suite '{name}' have side effects", "--allow-side-effects")
    return plan


def _find_base(against: str, trigger: Trigger) -> tuple[str | None, str | None]:
    """Return the commit to compare with, or the reason why there is none although the event has a base.

    Raises:
        ConfigError: A given commit is not here.
    """
    if against != AUTO:
        return (commit_of(against), None) if against else (None, None)
    if trigger.starts_from is not None:
        base = merge_base(f"refs/remotes/origin/{trigger.starts_from}")
        return base, None if base else f"the branch {trigger.starts_from} is not here; {_DEPTH_HINT}"
    if trigger.event not in _WITH_BASE:
        return None, None
    base = trigger.base_sha
    commits = head_commits()
    if trigger.head_sha in commits[2:]:  # HEAD is the merge of the pull request into its base
        base = commits[1]
    try:
        return commit_of(base or "HEAD^1"), None
    except ConfigError as error:
        return None, f"the base of the {trigger.event} is not here: {error.message}; {_DEPTH_HINT}"


def _explain_unchanged(suite: Suite, base: str | None) -> str | None:
    """Return why a change of these files is not measured; `None` if it is, or if the files are unknown."""
    changed = None if base is None else list_changed_files(base)
    if changed is None:
        return None
    repository = find_repository()
    place = Path() if repository is None else repository.place
    if suite.measures(changed, f"{(place / SCENARIOS).as_posix()}/"):
        return None
    return "no changed file matches the paths of the suite in scenarios/suites.yaml"


def _list_entries(suite: Suite, trigger: Trigger) -> Sequence[SuiteEntry]:
    """Return the scenarios of the suite; with the label also those of the suite `full`, if it exists."""
    entries = list(suite.entries)
    full = scenarios.suites().get(scenarios.FULL) if trigger.is_full else None
    for entry in () if full is None else full.entries:
        if entry.scenario not in suite.names:
            entries.append(entry)
    return entries


class _Sorter:
    """Sorts the scenarios of a suite by stack and by the comparison that decides on them."""

    def __init__(self, base: str | None, no_base: str | None, trigger: Trigger, options: RunOptions) -> None:
        self.broken: dict[str, ConfigError] = {}
        self._base = base
        self._no_base = no_base
        self._is_deployment = trigger.is_deployment
        self._options = options
        self._stack = options.get("stack") or (_EXTERNAL if options.get("urls") else _EMBEDDED)
        self._paired: dict[str, list[str]] = {}
        self._alone: dict[str, dict[str, str | None]] = {}
        self._durations_s: dict[str, dict[str, float]] = {}

    def add(self, entry: SuiteEntry) -> None:
        """Add a scenario. One with side effects is left out, unless they are allowed."""
        name = entry.scenario
        stack = entry.stack or self._stack
        try:
            spec = scenarios.load(name)
            is_external = self._is_external(stack)
            if self._is_deployment and not is_external:
                stack = _EXTERNAL
        except ConfigError as error:
            self.broken[name] = error
            return
        if spec.scenario.side_effects is not None and not self._options.get("allow_side_effects", False):
            return
        self._durations_s.setdefault(stack, {})[name] = expect_s(spec.scenario)
        paired = self._paired.setdefault(stack, [])
        alone = self._alone.setdefault(stack, {})
        if self._base is None:
            alone[name] = self._no_base
        elif is_external:
            alone[name] = f"stack '{stack}' runs elsewhere, so bench cannot start a version of it"
        elif spec.unpaired is not None:
            alone[name] = spec.unpaired
        elif spec.scenario.side_effects is not None:
            alone[name] = "it has side effects, which pairs would repeat"
        else:
            paired.append(name)

    def list_groups(self) -> tuple[StackGroup, ...]:
        """Return the scenarios by stack."""
        groups: list[StackGroup] = []
        for stack, durations_s in self._durations_s.items():
            groups.append(StackGroup(stack, tuple(self._paired[stack]), self._alone[stack], durations_s))
        return tuple(groups)

    def _is_external(self, stack: str) -> bool:
        return stacks.load(stack, model_variables(self._options.get("model"))).is_external
