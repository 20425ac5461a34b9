"""Advice: no rule fires by chance, and each one states the numbers of the run and of experiments."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random

import pytest

from bench.core.experiment.experiment_result import (
    EffectResult,
    ExperimentCell,
    ExperimentResult,
    VariantEffects,
)
from bench.core.experiment.situation import Situation
from bench.core.report.advice import Advice, Remedy, describe_advice, give_advice
from bench.core.report.situations import find_situations
from bench.core.run.repeats import Repeats
from bench.core.run.result import RunResult
from bench.core.samples.sample import Outcome
from bench.core.verdict.verdict import Verdict
from tests.factories import make_recording, make_run, make_sample

LATENCY_MS = 1000.0


def run_with(
    shares: dict[str, float], *, requests: int = 60, noise: float = 0.001, seed: int = 0, refused: int = 0
) -> RunResult:
    """Return a run whose tiers take these shares of the time, with a log-normal noise of each time."""
    random = Random(seed)
    samples = []
    for seq in range(requests):
        latency_ms = LATENCY_MS * random.lognormvariate(0.0, noise)
        parts = {tier: share * random.lognormvariate(0.0, noise) for tier, share in shares.items()}
        rest = max(0.0, 1.0 - sum(shares.values())) * random.lognormvariate(0.0, noise)
        total = sum(parts.values()) + rest
        times_ms = {tier: latency_ms * part / total for tier, part in parts.items()}
        samples.append(make_sample(seq, latency_ms=latency_ms, tier_times=times_ms))
    for seq in range(requests, requests + refused):
        samples.append(make_sample(seq, outcome=Outcome.RATE_LIMITED, status=429, tier_times={}))
    return make_run(make_recording(samples))


def situations_of(result: RunResult) -> list[Situation]:
    """Return the situations that a run shows."""
    return [finding.situation for finding in find_situations(result)]


@pytest.mark.parametrize("share", [0.2, 0.4])
def test_no_rule_fires_by_chance(share: float) -> None:
    """With strong noise, a tier with a smaller share than the limit is named in at most 1 % of the runs."""
    fired = 0
    for seed in range(100):
        shares = {"queue": share, "prefill": share, "backend": 0.1}
        fired += bool(situations_of(run_with(shares, requests=30, noise=0.5, seed=seed)))
    assert fired <= 1
    noisy = [situations_of(run_with({"queue": 0.85}, noise=0.5, seed=seed)) for seed in range(20)]
    assert noisy == [[Situation.WAITING]] * 20


@pytest.mark.parametrize(
    ("tier", "share", "situation"),
    [
        ("queue", 0.85, Situation.WAITING),
        ("prefill", 0.85, Situation.PREFILL),
        ("decode", 0.85, Situation.DECODE),
        ("load", 0.4, Situation.LOADING),
    ],
)
def test_a_tier_that_takes_most_of_the_time_is_named(tier: str, share: float, situation: Situation) -> None:
    """The finding has the share."""
    (finding,) = find_situations(run_with({tier: share}))
    assert finding.situation is situation
    assert re.search(rf"takes {100 * share:.0f}(\.\d)? % of the response time", finding.text)


def test_few_requests_are_no_evidence() -> None:
    """A share of 60 % of twelve requests may be chance, and of a thousand it is not."""
    assert situations_of(run_with({"queue": 0.6}, requests=12)) == []
    assert situations_of(run_with({"queue": 0.6}, requests=1000)) == [Situation.WAITING]


def test_refused_requests_are_named_if_they_are_more_than_chance() -> None:
    """One refusal of sixty may be chance, and ten are not."""
    assert situations_of(run_with({}, refused=1)) == []
    assert situations_of(run_with({}, refused=10)) == [Situation.REFUSED]


@pytest.mark.parametrize(
    ("repeated", "hits", "situations"),
    [
        (0.5, None, [Situation.REPEATED]),
        (0.5, 0.0, [Situation.REPEATED]),
        (0.5, 0.5, []),
        (0.12, None, []),
        (0.0, None, []),
    ],
)
def test_repeated_messages_without_a_cache_are_named(
    repeated: float, hits: float | None, situations: list[Situation]
) -> None:
    """A cache that answers them, and a share that may be chance, are no situation."""
    repeats = Repeats(
        requests=60, distinct=30, expected_ratio=repeated, repeated_ratio=repeated, hit_ratio=hits
    )
    result = run_with({})
    summary = result.summary.model_copy(update={"repeats": repeats})
    assert situations_of(result.model_copy(update={"summary": summary})) == situations


def advice_on(result: RunResult, remedies: Sequence[Remedy]) -> tuple[Advice, ...]:
    """Return the advice on a run."""
    return give_advice(find_situations(result), remedies)


def effect(metric: str, size: float, verdict: Verdict = Verdict.BETTER) -> EffectResult:
    """Return an effect with an interval of a tenth around it."""
    return EffectResult(
        metric=metric,
        label="throughput" if metric == "requests_rps" else metric,
        unit="1",
        effect=size,
        low=size - 0.1,
        high=size + 0.1,
        verdict=verdict,
    )


def experiment(*cells: tuple[int, EffectResult]) -> ExperimentResult:
    """Return the result of an experiment with one variant, at these numbers of VUs."""
    return ExperimentResult(
        name="model-slots",
        run_id="20260105T120000Z-model-slots-0000",
        hypothesis="More slots give more throughput.",
        started_at=datetime(2026, 1, 5, tzinfo=UTC),
        system="debian",
        cpu_count=2,
        simulated=True,
        versions={"eight": "embedded+OLLAMA_NUM_PARALLEL=8"},
        verdict=None,
        claims=(),
        cells=tuple(
            ExperimentCell(
                scenario="quick",
                load=f"{vus} VUs",
                vus=vus,
                blocks=3,
                stopped="all claims have a verdict",
                variants=(VariantEffects(variant="eight", effects=(measured,)),),
            )
            for vus, measured in cells
        ),
    )


def test_a_measured_gain_is_quoted_with_its_interval_and_experiment() -> None:
    """The load that is the closest to the run's counts, and a simulated model is mentioned."""
    measured = experiment((5, effect("requests_rps", 0.9)), (50, effect("requests_rps", 2.0)))
    (advice,) = advice_on(run_with({"queue": 0.85}), [Remedy("model-slots", (Situation.WAITING,), measured)])
    text = describe_advice(advice)
    gain = "throughput 1.9 times (interval 1.8 times to 2.0 times) at 5 VUs"
    assert f"embedded+OLLAMA_NUM_PARALLEL=8: {gain}" in text
    assert "(experiment model-slots, simulated model)" in text
    assert "bench experiment" not in text


def test_an_experiment_that_was_not_run_is_a_command() -> None:
    """Without a result, the advice is a suggestion and the command that measures it."""
    remedies = [
        Remedy("model-slots", (Situation.WAITING,), None),
        Remedy("other", (Situation.DECODE,), None),
    ]
    (advice,) = advice_on(run_with({"queue": 0.85}), remedies)
    assert advice.evidence == ()
    assert advice.commands == ("bench experiment model-slots",)
    assert "may help" in describe_advice(advice)


@pytest.mark.parametrize("verdict", [Verdict.WORSE, Verdict.UNCHANGED])
def test_an_experiment_without_a_gain_recommends_nothing(verdict: Verdict) -> None:
    """It is named as an experiment without a certain gain."""
    measured = experiment((5, effect("requests_rps", 0.2, verdict)))
    (advice,) = advice_on(run_with({"queue": 0.85}), [Remedy("slots", (Situation.WAITING,), measured)])
    assert (advice.evidence, advice.no_gain) == ((), ("slots",))
    assert "No certain gain: slots." in describe_advice(advice)


def test_a_variant_that_answers_fewer_requests_is_no_advice() -> None:
    """A server that refuses most requests answers the others at once."""
    measured = experiment((5, effect("e2e_ms p50", -0.8)))
    (cell,) = measured.cells
    (variant,) = cell.variants
    failing = variant.model_copy(
        update={"effects": (*variant.effects, effect("success_ratio", -0.7, Verdict.WORSE))}
    )
    failed = measured.model_copy(update={"cells": (cell.model_copy(update={"variants": (failing,)}),)})
    run = run_with({"queue": 0.85})
    (gain,) = advice_on(run, [Remedy("slots", (Situation.WAITING,), measured)])
    assert gain.evidence
    (advice,) = advice_on(run, [Remedy("slots", (Situation.WAITING,), failed)])
    assert (advice.evidence, advice.no_gain) == ((), ("slots",))
