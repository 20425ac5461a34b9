"""Judge a stored run against its baseline."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.core.report.level import describe_level
from bench.core.report.report import Report
from bench.core.run.result import RunResult
from bench.core.verdict import compare as verdict
from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.baseline import Baseline, Level, baseline_path
from bench.core.verdict.compare import Comparison, Decision
from bench.core.verdict.levels import new_level
from bench.errors import StoreError
from bench.measure.run.checkout import has_commit, read_at
from bench.store import baselines, noise, results
from bench.store.pairs import StoredPairs, load_pairs
from bench.usecases.remedies import report_with_advice

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
        return JudgedRun(judge_stored_pairs(paired, result), folder)
    return JudgedRun(judge_run(result, file), folder, file)


def judge_stored_pairs(
    paired: StoredPairs, joined: RunResult, find_baseline: FindBaseline = baselines.load
) -> Report:
    """Return the report on two stored versions; see `report_pairs`.

    Raises:
        StoreError: A run of the pairs belongs to another comparison, or the baseline cannot be read.
    """
    for run in (*paired.base, *paired.head):
        if run.provenance.run_id != joined.provenance.run_id or run.scenario.name != joined.scenario.name:
            message = f"the pairs of run {joined.provenance.run_id} contain a run of another comparison"
            raise StoreError(message, "restore its folder")
    return report_pairs(paired, joined, find_baseline)


def report_pairs(
    paired: StoredPairs, joined: RunResult, find_baseline: FindBaseline = baselines.load
) -> Report:
    """Return the report on two versions.

    The level of the head is also compared with the committed baseline, by the rule of `bench check`: with the
    head's second run as the confirmation run. The pairs decide. If the head's files accept a new level, the
    pairs tolerate the change that was accepted with it, and a change also passes if the head has this level.

    Args:
        paired: The pairs, and why they ended.
        joined: All runs of the head as one.
        find_baseline: Returns the baseline of a run; default: the one under `baselines/`.

    Raises:
        StoreError: The baseline cannot be read.
    """
    if not paired.head or joined.provenance.injections:
        return report_with_advice(joined, judge_pairs(paired, joined))
    first, *others = paired.head
    accepted = find_accepted(paired.base[0], first, find_baseline)
    comparison = judge_pairs(paired, joined, accepted)
    confirmation = next(iter(others), None)
    level = judge_run(first, confirmation=confirmation, find_baseline=find_baseline)
    if not level.comparison.baseline_runs:
        return report_with_advice(joined, comparison)
    fails = comparison.decision is Decision.FAIL and not joined.crossed
    if fails and level.decision is Decision.PASS and accepted is not None:
        excused = level.comparison.model_copy(update={"accepted": _describe_accepted(accepted)})
        return report_with_advice(level.result, excused)
    sentence = describe_level(level.comparison) or level.headline
    return report_with_advice(joined, comparison.model_copy(update={"level": sentence}))


def find_accepted(
    base: RunResult, head: RunResult, find_baseline: FindBaseline = baselines.load
) -> Level | None:
    """Return the newest level of the head's baseline if the baseline of the base does not have it.

    The baseline of the base is the one in its commit; if the commit is not here, the one of this folder.

    Args:
        base: A run of the base.
        head: A run of the head.
        find_baseline: Returns the baseline of the head; default: the one under `baselines/`.

    Raises:
        StoreError: The baseline cannot be read.
    """
    accepted = find_baseline(head)
    if accepted is None:
        return None
    commit = base.provenance.commit
    if commit is None or not has_commit(commit):
        return new_level(accepted, baselines.load(head))
    text = read_at(commit, f"{baselines.FOLDER}/{baseline_path(head)}")
    try:
        return new_level(accepted, baselines.parse(text, commit) if text else None)
    except StoreError:  # an older format
        return new_level(accepted, baselines.load(head))


def judge_pairs(paired: StoredPairs, joined: RunResult, accepted: Level | None = None) -> Comparison:
    """Return the comparison of two versions.

    Args:
        paired: The pairs, and why they ended.
        joined: All runs of the head as one.
        accepted: The level that the head's files accept and those of the base do not have.
    """
    pairing = paired.pairing
    failure = pairing.failure or (None if pairing.pairs else "no pair is complete")
    if failure is not None:
        return Comparison(
            decision=Decision.INVALID,
            reasons=(failure,),
            base_name=pairing.base_name,
            pairs=len(pairing.pairs),
            stopped=pairing.stopped,
        )
    change = None if accepted is None else accepted.accepted_change
    name = pairing.base_name
    comparison = compare_pairs(paired.base, paired.head, joined, name, pairing.scenarios, accepted=change)
    changes: dict[str, str | None] = {"stopped": pairing.stopped}
    if accepted is not None and change is not None:
        changes["accepted"] = _describe_accepted(accepted)
    return comparison.model_copy(update=changes)


def _describe_accepted(level: Level) -> str:
    """Return who accepted which change, and why, without a full stop."""
    change = level.accepted_change
    what = change.sentence if change is not None else ""
    return f"{level.accepted_by} accepted {what or 'this level'}: {level.reason}"


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
    comparison = verdict.compare(result, expected, confirmation, noise.load(result))
    return report_with_advice(result, comparison)
