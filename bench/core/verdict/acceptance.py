"""Decide how runs join a baseline: as runs of its newest level, as a new level, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bench.core.run.result import RunResult, check_usable
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric, metric_of_tail, sentence_name, tier_name
from bench.core.values import wording
from bench.core.verdict.accepted_change import AcceptedChange
from bench.core.verdict.accepted_runs import ALPHAS
from bench.core.verdict.baseline import Baseline, Level, baseline_path
from bench.core.verdict.change import SCREEN_ALPHA
from bench.core.verdict.compare import Comparison, compare, explain_vanished
from bench.core.verdict.levels import accept, add_change, start_level
from bench.core.verdict.message_comparison import MessageComparison
from bench.core.verdict.noise import Noise
from bench.core.verdict.verdict import MetricComparison, Verdict
from bench.errors import BenchError, ConfigError

# Runs of one request start a new level if this share of them differs from the newest level.
MOVED_SHARE = 0.5
# A change for the worse with one of these verdicts is a part of an accepted change.
_ACCEPTED = frozenset({Verdict.WORSE, Verdict.WITHIN_TOLERANCE, Verdict.INCONCLUSIVE})


class LevelChoice(StrEnum):
    """The level that accepted runs join."""

    AUTO = "auto"
    """A new level if they differ from the newest one by more than the tolerance, else the newest one."""
    NEW = "new"
    """A new level."""
    EXTEND = "extend"
    """The newest level; runs that are worse are left out. For runs that no person looked at."""


@dataclass(frozen=True, slots=True)
class AcceptRequest:
    """The request of a person to accept runs."""

    reason: str
    """Why the runs are accepted."""
    by: str
    """Who accepts them."""
    at: datetime
    """When they are accepted."""
    level: LevelChoice = LevelChoice.AUTO
    """The level that they join."""
    allow_dirty: bool = False
    """Accept runs of uncommitted changes."""
    allow_regression: bool = True
    """Accept runs that are worse than the baseline; never with `EXTEND`."""


@dataclass(frozen=True, slots=True)
class AcceptedBaseline:
    """A baseline to which runs were added."""

    before: Baseline | None
    """The baseline without the runs; None if there was none."""
    after: Baseline | None
    """The baseline with the runs; None if there was none and all runs were left out."""
    moved: tuple[str, ...]
    """Keys of the metrics for which the runs differ from the newest level by more than the tolerance."""
    moved_messages: tuple[MessageComparison, ...] = ()
    """The messages and classes that do, each once."""
    left_out: tuple[str, ...] = ()
    """A sentence for each run that was not added."""

    @property
    def changed(self) -> bool:
        """Whether a run was added."""
        return self.after != self.before

    @property
    def replaced(self) -> Level | None:
        """The level that a new level replaces; None if the runs extend a level or are the first."""
        if self.before is None or self.after is None:
            return None
        old = self.before.newest
        new = self.after.newest
        return None if (old.reason, old.accepted_at) == (new.reason, new.accepted_at) else old


@dataclass(frozen=True, slots=True)
class _JudgedRun:
    """A run that is not yet in the baseline, compared with it."""

    result: RunResult
    comparison: Comparison
    change: AcceptedChange | None = None
    """The change for the worse that pairs of runs showed."""

    @property
    def moved(self) -> tuple[str, ...]:
        """Keys of the metrics that differ from the newest level by more than the tolerance."""
        return tuple(row.key for row in self.comparison.metrics if row.gates and _has_moved(row))

    @property
    def moved_messages(self) -> tuple[MessageComparison, ...]:
        """The messages and classes that differ from the newest level by more than the tolerance."""
        return tuple(filter(_has_moved_message, self.comparison.messages))

    @property
    def differs(self) -> bool:
        """Whether the run differs from the newest level by more than the tolerance."""
        return bool(self.moved or self.moved_messages or self.comparison.vanished_messages)


def accept_all(
    before: Mapping[str, Baseline],
    results: Sequence[RunResult],
    request: AcceptRequest,
    noises: Mapping[str, Noise] | None = None,
    changes: Mapping[str, AcceptedChange] | None = None,
) -> dict[str, AcceptedBaseline]:
    """Add runs to their baselines. Runs of one request that join one baseline join the same level.

    Args:
        before: Existing baselines by `baseline_path`.
        results: The runs, in any order.
        request: Who accepts the runs, why, and into which level.
        noises: Measured noise by `baseline_path`, as in `bench check`.
        changes: By run id, the change for the worse that pairs of runs showed. Such a run starts a level.

    Returns:
        The baselines of the runs by `baseline_path`, also those that do not change.

    Raises:
        ConfigError: A run must not be added; the hint names the flag that allows it.
        MeasurementError: A run is invalid, was interrupted, or has no successful request.
    """
    by_path: dict[str, list[RunResult]] = {}
    for result in sorted(results, key=lambda result: result.provenance.started_at):
        by_path.setdefault(baseline_path(result), []).append(result)
    accepted: dict[str, AcceptedBaseline] = {}
    for path, of_baseline in sorted(by_path.items()):
        noise = noises.get(path) if noises else None
        accepted[path] = _accept_into(before.get(path), of_baseline, request, noise, changes or {})
    return accepted


def _accept_into(
    baseline: Baseline | None,
    results: Sequence[RunResult],
    request: AcceptRequest,
    noise: Noise | None,
    changes: Mapping[str, AcceptedChange],
) -> AcceptedBaseline:
    """Add runs to one baseline."""
    judged: list[_JudgedRun] = []
    left_out: list[str] = []
    for result in results:
        if baseline is not None and baseline.has(result.provenance.run_id):
            continue
        change = changes.get(result.provenance.run_id)
        run = _JudgedRun(result, compare(result, baseline, noise=noise), change)
        try:
            _check_acceptable(run, request)
            _check_age(run, baseline)
        except BenchError as error:
            if request.level is not LevelChoice.EXTEND:
                raise
            left_out.append(error.message)
        else:
            judged.append(run)
    after = _add_runs(baseline, judged, request, new=_starts_level(judged, request))
    moved: dict[str, None] = {}
    messages: dict[tuple[str, str, str], MessageComparison] = {}
    for run in judged:
        moved |= dict.fromkeys(run.moved)
        for row in run.moved_messages:
            messages.setdefault((row.key, row.kind, row.name), row)
    return AcceptedBaseline(baseline, after, tuple(moved), tuple(messages.values()), tuple(left_out))


def _add_runs(
    baseline: Baseline | None, runs: Sequence[_JudgedRun], request: AcceptRequest, *, new: bool
) -> Baseline | None:
    """Add acceptable runs to the newest level, or to a new one."""
    add = start_level if new else accept
    for run in runs:
        baseline = add(baseline, run.result, reason=request.reason, by=request.by, at=request.at)
        add = accept
    change = next((run.change for run in runs if run.change is not None), None)
    return add_change(baseline, change) if new and baseline and change else baseline


def _check_acceptable(run: _JudgedRun, request: AcceptRequest) -> None:
    """Refuse a run that is worse than its baseline, or that measured uncommitted changes.

    Raises:
        ConfigError: The run must not be added; the hint names the flag that allows it.
        MeasurementError: The run is invalid or was interrupted.
    """
    check_usable(run.result)
    run_id = run.result.provenance.run_id
    if run.result.provenance.dirty and not request.allow_dirty:
        files = run.result.provenance.describe_changes()
        named = f" of {files}" if files else ""
        raise ConfigError(
            f"run {run_id} measured uncommitted changes{named}",
            "commit them and measure again, or use --allow-dirty",
        )
    is_intended = request.allow_regression and request.level is not LevelChoice.EXTEND
    if is_intended:
        return
    hint = "use --allow-regression if you intend this change"
    if run.change is not None:
        raise ConfigError(f"run {run_id} is worse than its base: {run.change.sentence}", hint)
    regressions = describe_regressions(run.comparison)
    if regressions:
        raise ConfigError(f"run {run_id} is worse than its baseline: {wording.listing(regressions)}", hint)


def _check_age(run: _JudgedRun, baseline: Baseline | None) -> None:
    """Refuse a run from before the newest level that has other values: it belongs to an older level.

    Raises:
        ConfigError: The run must not be added.
    """
    if baseline is None or not run.differs:
        return
    provenance = run.result.provenance
    if provenance.started_at < baseline.newest.runs[0].started_at:
        raise ConfigError(
            f"run {provenance.run_id} of {provenance.started_at:%Y-%m-%d %H:%M} is older than the newest "
            f"level '{baseline.newest.reason}' and differs from it",
            "accept a run of the present version",
        )


def describe_change(comparison: Comparison) -> AcceptedChange | None:
    """Return the change for the worse that pairs show; `None` if they show none that fails the run."""
    if comparison.pairs is None:
        return None
    rows: list[MetricComparison | MessageComparison] = [*comparison.metrics, *comparison.messages]
    missing = (*comparison.vanished, *comparison.vanished_messages)
    if not missing and all(row.verdict is not Verdict.WORSE for row in rows):
        return None
    changes: dict[str, float] = {}
    messages: dict[str, dict[str, float]] = {}
    for row in rows:
        worse = metric(row.key).worse_sign * (row.change_ratio or 0.0)
        if row.verdict not in _ACCEPTED or worse <= 0.0:
            continue
        if isinstance(row, MessageComparison):
            messages.setdefault(row.key, {})[f"{row.kind}.{row.name}"] = worse
        else:
            changes[row.key] = worse
    changes |= _changes_of_tails(comparison.metrics, changes)
    commit = comparison.newest_baseline_commit
    return AcceptedChange(base=commit, changes=changes, messages=messages, missing=missing)


def _changes_of_tails(rows: Sequence[MetricComparison], changes: Mapping[str, float]) -> dict[str, float]:
    """Return the changes of 95th percentiles that had too few requests: those of their metrics.

    A later measurement can have more pairs, and then these percentiles would fail an accepted change.
    """
    tails: dict[str, float] = {}
    for row in rows:
        tail_of = metric_of_tail(row.key)
        if row.change_ratio is None and tail_of is not None and tail_of in changes:
            tails[row.key] = changes[tail_of]
    return tails


def _starts_level(judged: Sequence[_JudgedRun], request: AcceptRequest) -> bool:
    if request.level is not LevelChoice.AUTO:
        return request.level is LevelChoice.NEW
    if any(run.change is not None for run in judged):
        return True
    differing = sum(run.differs for run in judged)
    return bool(judged) and differing >= MOVED_SHARE * len(judged)


def _has_moved(row: MetricComparison) -> bool:
    """Whether a metric differs from the newest level by more than the tolerance, in either direction.

    A person who accepts a change intends it. A deciding metric therefore needs no proof, because a run that
    joins the wrong level makes all later runs fail; for other metrics, the p value of `bench check`'s
    suspicion is enough.
    """
    if row.verdict in {Verdict.WORSE, Verdict.MISSING}:
        return True
    beyond = abs(row.change_ratio or 0.0) > (row.margin_ratio or 0.0)
    if row.part is Part.DECIDES and row.change_ratio is not None:
        return beyond
    by_chance = row.p_value is None or min(row.p_value, 1.0 - row.p_value) >= SCREEN_ALPHA
    return beyond and not by_chance


def _has_moved_message(row: MessageComparison) -> bool:
    """Whether a message or a class differs from the newest level by more than the tolerance."""
    beyond = abs(row.change_ratio or 0.0) > (row.margin_ratio or 0.0)
    return row.verdict is Verdict.WORSE or (row.verdict is Verdict.BETTER and beyond)


def describe_regressions(comparison: Comparison) -> list[str]:
    """Return a text for each regression: metrics, then messages, then missing metrics and answers."""
    texts: list[str] = []
    for part in ALPHAS:
        texts += map(_describe, comparison.regressed(part))
    for row in comparison.messages:
        if row.verdict is Verdict.WORSE:
            change = wording.change(row.change_ratio)
            texts.append(f"{metric(row.key).label} of {row.kind} '{row.name}' {change}")
    for key in comparison.vanished:
        texts.append(f"{sentence_name(key)} is missing")
    texts += explain_vanished(comparison.vanished_messages)
    return texts


def _describe(regression: MetricComparison) -> str:
    tier = tier_name(regression.key)
    if tier is not None:
        return f"the tier {tier} {wording.change_ms(regression.change)}"
    size = regression.change if regression.change_ratio is None else regression.change_ratio
    return f"{metric(regression.key).label} {wording.change(size)}"
