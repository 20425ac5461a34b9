"""Laws of a comparison, for all numbers."""

import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.run.result import RunResult
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import compare
from bench.core.verdict.levels import accept
from bench.core.verdict.verdict import Verdict
from tests.core.figures import Figures, judged
from tests.factories import (
    NOON,
    make_fingerprint,
    make_provenance,
    make_recording,
    make_reference_workload,
    make_run,
    make_sample,
)

TIMES = st.floats(1.0, 5000.0)
KEYS = ("e2e_ms", "ttft_ms", "tier.agent_ms", "tier.decode_ms", "tier.unattributed_ms")
FACTORS = st.lists(st.floats(0.7, 1.5), min_size=6, max_size=6)


def world(usual: dict[str, float], factors: list[float]) -> tuple[Figures, list[Figures]]:
    """A run, and six baseline runs, with these times multiplied by a factor of each run and metric."""

    def run(number: int) -> Figures:
        return {
            key: {"a": factors[(number + place) % len(factors)] * each_ms}
            for place, (key, each_ms) in enumerate(sorted(usual.items()))
        }

    return run(0), [run(number) for number in range(1, 7)]


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(KEYS), TIMES, min_size=2), FACTORS, st.data())
def test_another_metric_adds_no_alarm(
    usual: dict[str, float], factors: list[float], data: st.DataObject
) -> None:
    """One more metric makes Holm's procedure stricter: no other metric regresses because of it."""
    added = data.draw(st.sampled_from(sorted(usual)))
    head, base = world(usual, factors)
    without = judged(
        {key: row for key, row in head.items() if key != added},
        [{key: row for key, row in run.items() if key != added} for run in base],
    )
    for key, row in judged(head, base).items():
        if key != added and row.verdict in {Verdict.WORSE, Verdict.BETTER}:
            assert without[key].verdict is row.verdict


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(KEYS), TIMES, min_size=1), FACTORS, st.integers(0, 5))
def test_the_order_does_not_matter(usual: dict[str, float], factors: list[float], iteration: int) -> None:
    """Neither the order of the baseline's runs nor that of the metrics changes a verdict."""
    head, base = world(usual, factors)
    turned = [dict(list(run.items())[::-1]) for run in base[iteration:] + base[:iteration]]
    one, other = judged(head, base), judged(dict(list(head.items())[::-1]), turned)
    assert {key: row.verdict for key, row in one.items()} == {key: row.verdict for key, row in other.items()}


def draw_run(dice: random.Random, number: int) -> RunResult:
    """A run like those of the committed baselines: 13 messages, two latencies, six tiers, a workload."""
    factor = dice.gauss(1.0, 0.05)
    samples = [
        make_sample(
            seq,
            prompt=f"message-{seq % 13}",
            latency_ms=400.0 * factor,
            first_token_s=seq * 0.3 + 0.1 * factor,
        )
        for seq in range(52)
    ]
    return make_run(
        make_recording(samples, reference_workload=make_reference_workload(factor)),
        fingerprint=make_fingerprint(simulated=False),
        provenance=make_provenance(f"20260105T120000Z-quick-{number:04x}"),
    )


def test_a_comparison_is_fast() -> None:
    """Twelve scenarios against twenty runs each take less than a second of processor time.

    The unit is a loop of arithmetic that takes 10 ms on a fast machine, so that slow machines have more
    time.
    """
    dice = random.Random(20260105)
    baseline: Baseline | None = None
    for number in range(20):
        baseline = accept(baseline, draw_run(dice, number), reason="usual", by="Tess Ter", at=NOON)
    heads = [draw_run(dice, 100 + number) for number in range(12)]
    begin_s = time.process_time()
    value = 1
    for _ in range(120_000):
        value = (value * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
    pinned_s = time.process_time() - begin_s
    compared = [compare(head, baseline) for head in heads]
    assert time.process_time() - begin_s - pinned_s < 100 * pinned_s
    assert all(row.baseline_runs == 20 for row in compared)
