"""Judge a stored run against its baseline."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.report.report import Report, make_report
from bench.core.run.pairing import Pairing
from bench.core.run.result import RunResult
from bench.core.verdict import compare as verdict
from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Comparison, Decision
from bench.errors import StoreError
from bench.store import baselines, noise, results
from bench.store.pairs import StoredPairs, load_pairs

FindBaseline = Callable[[RunResult], Baseline | None]
"""Return the baseline of a run; None if there is none."""


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """The report of a run, and the files that it was made from."""

    report: Report
    """The judgement, the run and the comparison."""
    folder: Path
    """The run's folder."""
    baseline: Path | None = None
    """The baseline file; default: the one under `baselines/`."""
    problem: StoreError | None = None
    """The error if the run or its reports could not be stored in their folder. The report is right."""

    @property
    def decision(self) -> Decision:
        """The verdict."""
        return self.report.decision


def compare(run: Path | str, *, baseline: Path | str | None = None) -> JudgedRun:
    """Judge a stored run against its baseline; a run of `bench ab` has the verdict against its base version.

    Args:
        run: The run's folder, or its result.json.
        baseline: A baseline file; default: the one under `baselines/`.

    Raises:
        StoreError: The result or the baseline cannot be read.
    """
    path = Path(run)
    folder = results.folder_of(path)
    file = None if baseline is None else Path(baseline)
    result = results.load(path)
    paired = load_pairs(folder) if file is None else None
    if paired is not None:
        return JudgedRun(make_report(result, judge_stored_pairs(paired, result)), folder)
    return JudgedRun(judge_run(result, file), folder, file)


def judge_stored_pairs(
    paired: StoredPairs, joined: RunResult, find_baseline: FindBaseline = baselines.load
) -> Comparison:
    """Return the comparison of two stored versions.

    Args:
        paired: The pairs.
        joined: All runs of the head as one.
        find_baseline: Returns the baseline of a run; default: the one under `baselines/`.

    Raises:
        StoreError: A run of the pairs belongs to another comparison, or the baseline cannot be read.
    """
    for run in (*paired.base, *paired.head):
        if run.provenance.run_id != joined.provenance.run_id or run.scenario.name != joined.scenario.name:
            message = f"the pairs of run {joined.provenance.run_id} contain a run of another comparison"
            raise StoreError(message, "restore its folder")
    comparison = judge_pairs(paired.pairing, paired.base, paired.head, joined)
    return add_level(comparison, paired.head, find_baseline)


def judge_pairs(
    pairing: Pairing, base: Sequence[RunResult], head: Sequence[RunResult], joined: RunResult
) -> Comparison:
    """Return the comparison of two versions.

    Args:
        pairing: The pairs, and why they ended.
        base: The run of the base of each pair.
        head: The run of the head of each pair.
        joined: All runs of the head as one.
    """
    failure = pairing.failure or (None if pairing.pairs else "no pair is complete")
    if failure is not None:
        return Comparison(
            decision=Decision.INVALID,
            reasons=(failure,),
            base_name=pairing.base_name,
            pairs=len(pairing.pairs),
            stopped=pairing.stopped,
        )
    comparison = compare_pairs(base, head, joined, pairing.base_name, pairing.scenarios)
    return comparison.model_copy(update={"stopped": pairing.stopped})


def add_level(
    comparison: Comparison, head: Sequence[RunResult], find_baseline: FindBaseline = baselines.load
) -> Comparison:
    """Return the comparison of two versions with the level of the head, compared with the committed baseline.

    The level is judged by the rule of `bench check`, with the head's second run as the confirmation run.

    Args:
        comparison: The comparison of the pairs.
        head: The runs of the head, in their order.
        find_baseline: Returns the baseline of a run; default: the one under `baselines/`.

    Raises:
        StoreError: The baseline cannot be read.
    """
    if not head or head[0].provenance.injections:
        return comparison
    confirmation = head[1] if len(head) > 1 else None
    report = judge_run(head[0], confirmation=confirmation, find_baseline=find_baseline)
    if not report.comparison.baseline_runs:
        return comparison
    return comparison.model_copy(update={"level": report.headline})


def judge_run(
    result: RunResult,
    baseline: Path | None = None,
    confirmation: RunResult | None = None,
    find_baseline: FindBaseline = baselines.load,
) -> Report:
    """Return the report of a run.

    Args:
        result: The run.
        baseline: A baseline file; default: the one that `find_baseline` returns.
        confirmation: A second run of the same scenario, if the first one looked worse.
        find_baseline: Returns the baseline of a run; default: the one under `baselines/`.

    Raises:
        StoreError: The baseline cannot be read.
    """
    expected = baselines.read(baseline) if baseline else find_baseline(result)
    return make_report(result, verdict.compare(result, expected, confirmation, noise.load(result)))
