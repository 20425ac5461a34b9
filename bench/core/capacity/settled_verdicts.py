"""The verdicts that the answer of a search gives its trials."""

from collections.abc import Sequence

from bench.core.capacity.load_trial import LoadTrial, SafeLoad, TrialVerdict


def settle_verdicts(trials: Sequence[LoadTrial], safe: SafeLoad | None) -> list[LoadTrial]:
    """Return the trials with the verdicts that the interval gives those which could not tell.

    A trial with a verdict keeps it, also if it contradicts the interval.
    """
    return list(trials) if safe is None else _decide(trials, safe.low, safe.high)


def guess_verdicts(trials: Sequence[LoadTrial], safe: SafeLoad | None) -> list[LoadTrial]:
    """Return the trials with the more likely verdict for those which could not tell."""
    return list(trials) if safe is None else _decide(trials, safe.load, safe.load)


def _decide(trials: Sequence[LoadTrial], met_to: float, broken_above: float | None) -> list[LoadTrial]:
    decided: list[LoadTrial] = []
    for trial in trials:
        verdict = trial.verdict
        if verdict is TrialVerdict.OPEN and trial.load <= met_to:
            verdict = TrialVerdict.MET
        elif verdict is TrialVerdict.OPEN and broken_above is not None and trial.load > broken_above:
            verdict = TrialVerdict.BROKEN
        decided.append(trial.model_copy(update={"verdict": verdict}))
    return decided
