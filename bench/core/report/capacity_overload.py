"""The behaviour of a stack beyond its safe load, as people read it."""

from bench.core.capacity.overload import OverloadReport
from bench.core.report.capacity_words import describe_load
from bench.core.values import wording


def describe_overload(report: OverloadReport) -> tuple[str, ...]:
    """Return one sentence for each property, the goodput first."""
    sentences = [_describe_goodput(report), _describe_recovery(report)]
    fairness = report.fairness
    if fairness is not None:
        users = wording.counted(fairness.users, "user")
        index = f"Jain's index {fairness.index:.2f}"
        if fairness.is_fair:
            sentences.append(f"Fairness: {users} get the same share of the answers ({index}).")
        else:
            expected = f"equal users have at least {fairness.expected_index:.2f}"
            sentences.append(f"Fairness: {users} get different shares of the answers ({index}; {expected}).")
    shedding = report.shedding
    if shedding is not None:
        accepted = wording.duration(shedding.accepted_p95_ms)
        sentences.append(
            f"Load shedding: {wording.percent(shedding.refused_ratio)} of the requests are refused after "
            f"{wording.duration(shedding.refusal_ms)}; p95 of the others is {accepted}."
        )
    return tuple(sentences)


def _describe_goodput(report: OverloadReport) -> str:
    load = describe_load(report.load, report.unit)
    rates = f"{report.goodput_rps:.2g} good answers/s, {report.best_goodput_rps:.2g} at the best load"
    if report.goodput is None or report.goodput_ratio is None:
        return f"Goodput at {load}: no trial had a good answer to compare with."
    words = {"plateau": "stays at its best", "decline": "declines", "collapse": "collapses"}
    return f"Goodput at {load} {words[report.goodput]}: {rates}."


def _describe_recovery(report: OverloadReport) -> str:
    rest = describe_load(report.rest_load, report.unit)
    spike = f"a spike of {wording.duration(report.spike_s * wording.THOUSAND)}"
    if report.recovery_s is None:
        watched = wording.duration(report.watched_s * wording.THOUSAND)
        return f"Recovery after {spike}: not within {watched} at {rest}."
    if report.recovery_s == 0.0:
        return f"Recovery after {spike}: at once."
    recovery = wording.duration(report.recovery_s * wording.THOUSAND)
    return f"Recovery after {spike}: answers are as before after {recovery} at {rest}."
