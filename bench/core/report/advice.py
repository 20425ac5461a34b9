"""Advice: the situation that a run shows, what may help, and the evidence of experiments for it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bench.core.experiment.claim_range import ClaimScale
from bench.core.experiment.experiment_result import EffectResult, ExperimentCell, ExperimentResult
from bench.core.experiment.situation import Situation
from bench.core.report.situations import ObservedSituation
from bench.core.samples.metrics import SUCCESS_RATIO
from bench.core.values import wording
from bench.core.values.record import Record
from bench.core.verdict.verdict import Verdict

MOST_EVIDENCE = 3
"""Measured gains that one piece of advice quotes, the largest first."""
_SUGGESTIONS: Mapping[Situation, str] = {
    Situation.WAITING: "More slots or replicas of the model, shorter answers, or a queue before it may help",
    Situation.PREFILL: "Shorter prompts, or a cache of their common start, may help",
    Situation.DECODE: "Shorter answers, a smaller model or a faster processor may help",
    Situation.LOADING: "Keep the model loaded, for example with OLLAMA_KEEP_ALIVE",
    Situation.BUSY_SERVICE: "More replicas of the service may help",
    Situation.REFUSED: "Clients that back off, or a queue that holds requests, may help",
    Situation.REPEATED: "A response cache may help",
}
_GAINS = ("requests_rps", "e2e_ms p50", "e2e_ms p99", "ttft_ms p50", "success_ratio")
"""Quantities whose gain is quoted, by their names in experiments."""


class Advice(Record):
    """A situation that a run shows, with what may help."""

    situation: Situation
    """The situation."""
    finding: str
    """The measured facts."""
    suggestion: str
    """A change that may help."""
    evidence: tuple[str, ...] = ()
    """Gains that experiments measured, one sentence each; empty without a measured gain."""
    no_gain: tuple[str, ...] = ()
    """Experiments whose variants brought no gain in this situation."""
    commands: tuple[str, ...] = ()
    """Commands that would measure the suggestion, if no experiment has done so."""


class Remedy(NamedTuple):
    """An experiment that names situations in which its variants may help."""

    name: str
    """Name of the experiment."""
    situations: tuple[Situation, ...]
    """The situations."""
    result: ExperimentResult | None
    """Its newest result; None if it was not run."""


class _Gain(NamedTuple):
    """A measured gain."""

    size: float
    """Its size, to sort gains; 0.5 is a gain of 50 %."""
    text: str


def give_advice(situations: Sequence[ObservedSituation], remedies: Sequence[Remedy]) -> tuple[Advice, ...]:
    """Return the advice that the situations of a run and the experiments of its project support.

    Args:
        situations: The situations that the run shows.
        remedies: The experiments.
    """
    return tuple(_advise(observed, remedies) for observed in situations)


def _advise(finding: ObservedSituation, remedies: Sequence[Remedy]) -> Advice:
    gains: list[_Gain] = []
    no_gain: list[str] = []
    commands: list[str] = []
    for remedy in remedies:
        if finding.situation not in remedy.situations:
            continue
        if remedy.result is None:
            commands.append(f"bench experiment {remedy.name}")
            continue
        measured = list(_list_gains(remedy.result, finding.vus))
        gains += measured
        if not measured:
            no_gain.append(remedy.name)
    gains.sort(reverse=True)
    return Advice(
        situation=finding.situation,
        finding=finding.text,
        suggestion=_SUGGESTIONS[finding.situation],
        evidence=tuple(gain.text for gain in gains[:MOST_EVIDENCE]),
        no_gain=tuple(no_gain),
        commands=tuple(commands),
    )


def _list_gains(experiment: ExperimentResult, vus: int | None) -> Iterator[_Gain]:
    """Yield the largest certain gain of each variant, at the load that is the closest to the run's.

    A variant that answers fewer requests is no advice, also if it answers some of them faster.
    """
    for cell in _closest_cells(experiment.cells, vus):
        for variant in cell.variants:
            better = [effect for effect in variant.effects if _is_gain(effect)]
            success = variant.find(SUCCESS_RATIO)
            answers_fewer = success is not None and success.verdict is Verdict.WORSE
            if better and not answers_fewer:
                largest = max(better, key=_size)
                version = experiment.versions.get(variant.variant, variant.variant)
                text = f"{version}: {_describe(largest)} at {cell.load} (experiment {experiment.name}"
                yield _Gain(_size(largest), f"{text}{', simulated model' if experiment.simulated else ''})")


def _closest_cells(cells: Sequence[ExperimentCell], vus: int | None) -> list[ExperimentCell]:
    """Return one cell for each scenario: the load that is the closest to the number of VUs."""
    closest: dict[str, ExperimentCell] = {}
    for cell in cells:
        other = closest.get(cell.scenario)
        if cell.variants and (other is None or _distance(cell, vus) < _distance(other, vus)):
            closest[cell.scenario] = cell
    return list(closest.values())


def _distance(cell: ExperimentCell, vus: int | None) -> float:
    return abs((cell.vus or 0) - (vus or 0))


def _is_gain(effect: EffectResult) -> bool:
    return effect.verdict is Verdict.BETTER and effect.effect is not None and effect.metric in _GAINS


def _size(effect: EffectResult) -> float:
    return abs(effect.effect or 0.0)


def _describe(effect: EffectResult) -> str:
    low, high = sorted((effect.low or 0.0, effect.high or 0.0), key=abs)
    change = _format(effect, effect.effect or 0.0)
    return f"{effect.label} {change} (interval {_format(effect, low)} to {_format(effect, high)})"


def _format(effect: EffectResult, value: float) -> str:
    """Return a change of a share in points, a gain of a throughput as a factor, and others in per cent."""
    if effect.scale is ClaimScale.POINTS:
        return f"{100 * value:+.1f} points"
    if effect.metric == "requests_rps" and value > 0.0:
        return f"{wording.factor(1.0 + value)} times"
    return wording.change(value)


def describe_advice(advice: Advice) -> str:
    """Return a piece of advice as a paragraph of plain text."""
    finding = advice.finding[:1].upper() + advice.finding[1:]
    sentences = [f"{finding}."]
    if advice.evidence:
        sentences.append(f"Measured: {'; '.join(advice.evidence)}.")
    else:
        sentences.append(f"{advice.suggestion}.")
    if advice.no_gain:
        sentences.append(f"No certain gain: {', '.join(advice.no_gain)}.")
    if advice.commands:
        sentences.append(f"Measure it: {', '.join(advice.commands)}.")
    return " ".join(sentences)
