"""What is said of a trend: the judgement in a sentence, then the next step."""

from typing import assert_never

from bench.core.history.change_points import ChangePoint
from bench.core.history.levels import FEWEST_RUNS
from bench.core.history.trend import Trend
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric, tier_name
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.success import SUCCESS

_COMMIT_DIGITS = 7


def headline(trend: Trend) -> str:
    """The judgement in one sentence."""
    match trend.decision:
        case Decision.FAIL if trend.standing:
            return _changed(trend.standing)
        case Decision.FAIL:
            sizes = [
                f"{metric(each.key).label} {wording.change(each.change_ratio)}" for each in trend.drifted
            ]
            return f"Crept: {wording.listing(sizes)} since the anchor of {trend.pinned_at:%Y-%m-%d}."
        case Decision.INCONCLUSIVE | Decision.INVALID:
            runs = "run compares" if trend.runs == 1 else "runs compare"
            return f"Cannot tell: {trend.runs} {runs} with the newest, {FEWEST_RUNS} are needed."
        case Decision.PASS:
            levels = [
                f"{metric(each.key).label} {wording.value(each.level, metric(each.key).unit)}"
                for each in trend.metrics
                if each.part is Part.DECIDES
            ]
            return f"No change for the worse in {trend.runs} runs that stands: {wording.listing(levels)}."
        case _:
            assert_never(trend.decision)


def next_step(trend: Trend) -> str:
    """What the reader does now."""
    if trend.standing:
        return _look(trend, trend.standing[0])
    if trend.drifted:
        pinned = f"bench baseline pin {trend.scenario} --reason '…'"
        return f"bench ab tells which commits since then are slower; if it is meant: {pinned}."
    if trend.decision is Decision.INCONCLUSIVE:
        return "Add more runs of the same stack and load: bench ci history add results/RUN."
    return "Nothing to do."


def commit(name: str | None) -> str:
    """A commit as people write it."""
    return "no commit" if name is None else name[:_COMMIT_DIGITS]


def _changed(standing: tuple[ChangePoint, ...]) -> str:
    worst = standing[0]
    row, tier = metric(worst.key), tier_name(worst.key)
    label = f"The tier `{tier}`" if tier else row.label.capitalize()
    levels = f"{wording.value(worst.before, row.unit)} → {wording.value(worst.after, row.unit)}"
    size = "" if worst.key == SUCCESS else f" ({wording.change(worst.change_ratio)})"
    others = len({each.key for each in standing} - {worst.key})
    more = f", and {others} more" if others else ""
    return f"{label} became worse on {worst.started_at:%Y-%m-%d}: {levels}{size}{more}."


def _look(trend: Trend, worst: ChangePoint) -> str:
    old, new = commit(worst.last_commit), commit(worst.commit)
    if worst.commit is None or worst.last_commit is None:
        return f"Compare runs {worst.last_run_id} and {worst.run_id}: their commits are not known."
    if worst.commit == worst.last_commit:
        return f"Both levels have runs of commit {old}: look at the machine and the services before the code."
    again = f"bench ab {trend.stack}@{old} {trend.stack}@{new} --scenario {trend.scenario}"
    return f"It came between commits {old} and {new}; {again} measures both in turns."
