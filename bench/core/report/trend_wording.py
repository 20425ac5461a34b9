"""The judgement of a history in one sentence, and the next step."""

from typing import assert_never

from bench.core.history.change_points import ChangePoint
from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.history.trend import Trend
from bench.core.report.sentences import describe_drift
from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric, tier_name
from bench.core.values import wording
from bench.core.values.load_text import load_pair
from bench.core.verdict.compare import Decision
from bench.core.verdict.success import SUCCESS

_COMMIT_DIGITS = 7
_MOST_OTHERS = 3
"""Names of other metrics in a headline."""


def headline(trend: Trend) -> str:
    """Return the judgement in one sentence."""
    match trend.decision:
        case Decision.FAIL if trend.unresolved:
            return _regression(trend.unresolved)
        case Decision.FAIL:
            return f"{describe_drift(trend.drifted, trend.pinned_at)}."
        case Decision.INCONCLUSIVE | Decision.INVALID:
            runs = wording.counted(trend.runs, "comparable run")
            return f"Cannot tell: the history has {runs}, {MIN_TREND_RUNS} are needed."
        case Decision.PASS:
            levels = []
            for history in trend.metrics:
                if history.part is Part.DECIDES:
                    measured = metric(history.key)
                    levels.append(f"{measured.label} {wording.with_unit(history.level, measured.unit)}")
            return f"No lasting regression in {trend.runs} runs: {wording.listing(levels)}."
        case _:
            assert_never(trend.decision)


def next_step(trend: Trend) -> str:
    """Return the next step of the reader."""
    if trend.unresolved:
        return _find_commit(trend, trend.unresolved[0])
    if trend.drifted:
        pin = f"bench baseline pin {trend.scenario} --reason '…'"
        return f"Find the slower commits with bench ab. If the change is intended, run: {pin}."
    if trend.decision is Decision.INCONCLUSIVE:
        return "Add more runs of the same stack and load: bench ci history add results/RUN."
    return "Nothing to do."


def commit(name: str | None) -> str:
    """Return a commit's short name, or `no commit`."""
    return "no commit" if name is None else name[:_COMMIT_DIGITS]


def _regression(standing: tuple[ChangePoint, ...]) -> str:
    worst = standing[0]
    row = metric(worst.key)
    tier = tier_name(worst.key)
    label = f"The tier `{tier}`" if tier else row.label.capitalize()
    levels = f"{wording.value(worst.before, row.unit)} → {wording.value(worst.after, row.unit)}"
    if worst.key in SAFE_LOADS:
        levels = " → ".join(load_pair(worst.before, worst.after, row.unit, exact=True)) + f" {row.unit}"
    change = "" if worst.key == SUCCESS else f" ({wording.change(worst.change_ratio)})"
    others = list(dict.fromkeys(_name(point.key) for point in standing if point.key != worst.key))
    if len(others) > _MOST_OTHERS:
        others = [*others[: _MOST_OTHERS - 1], f"{len(others) - _MOST_OTHERS + 1} more"]
    more = f"; also worse: {wording.listing(others)}" if others else ""
    return f"{label} became worse on {worst.started_at:%Y-%m-%d}: {levels}{change}{more}."


def _name(key: str) -> str:
    tier = tier_name(key)
    return f"the tier `{tier}`" if tier else metric(key).label


def _find_commit(trend: Trend, worst: ChangePoint) -> str:
    old = commit(worst.last_commit)
    new = commit(worst.commit)
    if worst.commit is None or worst.last_commit is None:
        return f"Compare runs {worst.last_run_id} and {worst.run_id}; their commits are unknown."
    if worst.commit == worst.last_commit:
        return f"Both levels have runs of commit {old}: look at the machine and the services first."
    command = f"bench ab {trend.stack}@{old} {trend.stack}@{new} --scenario {trend.scenario}"
    return f"The change came between commits {old} and {new}. Compare them: {command}."
