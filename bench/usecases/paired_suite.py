"""The scenarios of a suite that two versions are compared with, and the report on all of them."""

from dataclasses import dataclass
from pathlib import Path

from bench.core.report.suite import describe_skipped, judge_suite
from bench.errors import ConfigError
from bench.store import scenarios
from bench.usecases.failed_run import explain_error
from bench.usecases.merge import JudgedSuite
from bench.usecases.paired import MeasuredPairs


@dataclass(frozen=True, slots=True)
class SelectedScenarios:
    """The scenarios of a suite that can be compared."""

    names: tuple[str, ...]
    """The scenarios, at least one."""
    skipped: tuple[str, ...]
    """One sentence for each scenario that is left out."""

    def judge(self, measured: MeasuredPairs) -> JudgedSuite:
        """Return the report on all scenarios."""
        folders: dict[str, Path] = {}
        for run in measured.judged:
            folders[run.report.result.provenance.run_id] = run.folder
        reports = [run.report for run in measured.judged]
        failed = [explain_error(name, error) for name, error in measured.errors.items()]
        report = judge_suite(reports, self.names, self.skipped, failed)
        problem = next((run.problem for run in measured.judged if run.problem is not None), None)
        return JudgedSuite(report, folders, problem)


def select_scenarios(suite: str, *, allow_side_effects: bool = False) -> SelectedScenarios:
    """Return the scenarios of a suite that two versions of one stack can be compared with.

    Scenarios with side effects, with a stack of their own, or that compare two targets are left out.

    Raises:
        ConfigError: The suite is unknown, or no scenario is left.
    """
    names: list[str] = []
    skipped: list[str] = []
    for entry in scenarios.find_suite(suite).entries:
        name = entry.scenario
        spec = scenarios.load(name)
        if spec.scenario.side_effects is not None and not allow_side_effects:
            skipped.append(describe_skipped(spec.scenario))
        elif spec.unpaired is not None:
            command = "run" if spec.compare_with is not None else "check"
            skipped.append(f"{name} was skipped, because {spec.unpaired}: bench {command} {name}")
        elif entry.stack is not None:
            hint = f"bench check {name} --stack {entry.stack} --against REF"
            skipped.append(f"{name} was skipped, because its stack is {entry.stack}: {hint}")
        else:
            names.append(name)
    if not names:
        raise ConfigError(f"suite '{suite}' has no scenario to compare: {skipped[0]}", "--suite pr")
    return SelectedScenarios(tuple(names), tuple(skipped))
