"""Judge runs of several scenarios together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bench.core.report.attempts import keep_newest
from bench.core.report.not_measured import NotMeasured
from bench.core.report.report import Report
from bench.core.report.series import RunSeries
from bench.core.report.suite import SuiteReport, describe_skipped, judge_suite
from bench.core.run.result import RunResult, differences
from bench.core.verdict.compare import Decision, explain_unusable
from bench.errors import ConfigError, StoreError
from bench.render.document.format import PLAIN, Format, SuiteInput, Terminal
from bench.store import baselines, failures, results, scenarios
from bench.store.jobs import is_job
from bench.store.pairs import StoredPairs, load_pairs
from bench.store.results import folder_of
from bench.usecases.compare import FindBaseline, judge_run, judge_stored_pairs
from bench.usecases.report import read_series


@dataclass(frozen=True, slots=True)
class JudgedSuite:
    """The report of several runs, and the folders of the runs."""

    report: SuiteReport
    """The judgement and the report of each run."""
    folders: Mapping[str, Path]
    """The folder of each run by the run's id."""
    problem: StoreError | None = None
    """The error if a run or its reports could not be stored in their folder. The report is right."""

    @property
    def decision(self) -> Decision:
        """The verdict on all runs."""
        return self.report.decision


def merge(
    runs: Sequence[Path | str],
    *,
    suite: str | None = None,
    allow_side_effects: bool = False,
    notes: Sequence[str] = (),
) -> JudgedSuite:
    """Judge stored runs of several scenarios together.

    If a scenario appears twice, the second run is the confirmation run. A valid run replaces an invalid one,
    and a newer attempt of a workflow run replaces an older one. The verdict takes into account that one of
    many scenarios looks worse by chance, and that a slower machine slows down all scenarios.

    Args:
        runs: The folders of the runs, or their result.json files, in any order.
        suite: A suite whose scenarios must all be present; default: no check.
        allow_side_effects: Require also the scenarios whose changes outlast a run.
        notes: Sentences about the measurement, for the report.

    Raises:
        ConfigError: A scenario has more than two runs, or two runs that are not comparable.
        StoreError: A result or a baseline cannot be read.
    """
    loaded: list[RunResult] = []
    failed: list[NotMeasured] = []
    paired: dict[str, StoredPairs] = {}
    folders: dict[str, Path] = {}
    for path in map(Path, runs):
        if is_job(path):
            continue
        if failures.is_failure(path):
            failed.append(failures.load_foreign(path))
            continue
        result = results.load(path)
        loaded.append(result)
        folders[result.provenance.run_id] = folder_of(path)
        pairs = load_pairs(folder_of(path))
        if pairs is not None:
            paired[result.provenance.run_id] = pairs
    report = judge_together(loaded, suite, failed, paired, allow_side_effects=allow_side_effects, notes=notes)
    return JudgedSuite(report, folders)


def judge_together(
    runs: Sequence[RunResult],
    suite: str | None = None,
    failed: Sequence[NotMeasured] = (),
    pairs: Mapping[str, StoredPairs] = MappingProxyType({}),
    *,
    allow_side_effects: bool = False,
    find_baseline: FindBaseline = baselines.load,
    notes: Sequence[str] = (),
) -> SuiteReport:
    """Return the report of several runs; the other arguments and the errors are those of `merge`.

    Args:
        runs: The results.
        suite: A suite whose scenarios must all be present; default: no check.
        failed: Runs that failed before they had a result.
        pairs: The pairs of the runs that compare two versions, by the id of the run. They decide on their
            scenario.
        allow_side_effects: Require also the scenarios whose changes outlast a run.
        find_baseline: Returns the baseline of a run; default: the one under `baselines/`.
        notes: Sentences about the measurement.
    """
    runs, failed = keep_newest(runs, failed)
    distinct = {run.provenance.run_id: run for run in runs}  # a run does not confirm itself
    by_scenario: dict[str, list[RunResult]] = {}
    for run in sorted(distinct.values(), key=_started_at):
        by_scenario.setdefault(run.scenario.name, []).append(run)
    expected = []
    skipped = []
    not_measured = {failure.scenario for failure in failed}
    for name in scenarios.of_suite(suite) if suite else ():
        if name in not_measured:  # its file may be wrong
            expected.append(name)
            continue
        scenario = scenarios.load(name).scenario
        if scenario.side_effects is None or allow_side_effects or name in by_scenario:
            expected.append(name)
        else:
            skipped.append(describe_skipped(scenario))
    reports = [_judge_scenario(of_one, pairs, find_baseline) for of_one in by_scenario.values()]
    return judge_suite(reports, expected, (*notes, *skipped), failed)


def render_suite(judged: JudgedSuite, form: Format[SuiteInput], terminal: Terminal = PLAIN) -> Iterator[str]:
    """Yield the report of a suite in parts; the last part ends in a newline.

    Raises:
        StoreError: A recording or a baseline cannot be read.
    """

    def read_all() -> list[RunSeries]:
        return [
            read_series(report, judged.folders[report.result.provenance.run_id])
            for report in judged.report.reports
        ]

    return form.render(SuiteInput(judged.report, read_all, terminal))


def _started_at(run: RunResult) -> float:
    return run.provenance.started_at.timestamp()


def _judge_scenario(
    runs: Sequence[RunResult], pairs: Mapping[str, StoredPairs], find_baseline: FindBaseline
) -> Report:
    """Judge the runs of a scenario: by its newest pairs if it has some, else against its baseline.

    Pairs that failed decide nothing if the scenario was measured without them, too.
    """
    failed: Report | None = None
    for run in reversed(runs):
        paired = pairs.get(run.provenance.run_id)
        if paired is not None and paired.pairing.failure is None:
            return judge_stored_pairs(paired, run, find_baseline)
        if paired is not None and failed is None:
            failed = judge_stored_pairs(paired, run, find_baseline)
    single = [run for run in runs if run.provenance.run_id not in pairs]
    if failed is not None and not single:
        return failed
    return _judge_confirmed(single, find_baseline)


def _judge_confirmed(runs: Sequence[RunResult], find_baseline: FindBaseline) -> Report:
    """Judge the runs of a scenario: the first valid one, and the second one if the first looks worse."""
    name = runs[0].scenario.name
    valid = [run for run in runs if run.validity.valid]
    first = next(iter(valid), runs[0])
    others = [run for run in runs if run is not first]
    usable = [run for run in others if explain_unusable(run) is None]
    if len(usable) > 1:
        message = f"scenario '{name}' has {len(usable) + 1} runs"
        raise ConfigError(message, "name one run, or one run and its confirmation run")
    for second in usable:
        unlike = differences(second.fingerprint, first.fingerprint)
        if unlike:
            raise ConfigError(
                f"the second run of scenario '{name}' differs from the first in {', '.join(unlike)}",
                "leave one of them out",
            )
    report = judge_run(first, find_baseline=find_baseline)
    later = others[runs.index(first) :]
    if not later or not report.comparison.suspect:
        return report
    confirmation = next(iter(usable), later[-1])
    return judge_run(first, confirmation=confirmation, find_baseline=find_baseline)
