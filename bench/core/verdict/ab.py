"""Two versions measured alternately on one machine: what the machine does to one it does to the other.

No baseline is needed, and of the machines' differences, which are most of the noise, nothing is left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.core.config.scenario import Tolerance
from bench.core.run.counters import changed_counters
from bench.core.run.figures import figures_of
from bench.core.run.recording import Recording, moved
from bench.core.run.result import RunResult
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric
from bench.core.samples.sample import GaugeSample, Probe, ResourceSample
from bench.core.samples.samples import SampleLog
from bench.core.values.histogram import Histogram
from bench.core.verdict.compare import Comparison, Decision, decide
from bench.core.verdict.shift import MIN_PAIRS, of_pairs
from bench.core.verdict.success import judge_success, successes
from bench.core.verdict.verdict import MetricComparison, Verdict, in_order, judge_shifts
from bench.core.watch.host import noisiest
from bench.core.watch.work import changed_work, sum_work

# Half of what is tolerated beside a baseline: between neighbours in time a small change is a change.
AB_MARGIN_RATIO = 0.05


def order(pairs: int) -> str:
    """Who is measured when: `ABBA ABBA…`, so that neither gains from being first, nor from a drift."""
    return "".join("AB" if number % 2 == 0 else "BA" for number in range(pairs))


def compare_pairs(
    base: Sequence[RunResult], head: Sequence[RunResult], whole: RunResult, name: str
) -> Comparison:
    """Judge a head beside its base.

    Args:
        base: Its runs in their order.
        head: As many of the head, each measured right before or after the base's of the same place.
        whole: All of the head's runs as one.
        name: Of the base, for people.
    """
    invalid = [reason for run in (*base, *head) for reason in run.validity.reasons]
    if invalid:
        return Comparison(decision=Decision.INVALID, reasons=tuple(dict.fromkeys(invalid)), compare_with=name)
    crossed = [f"threshold crossed: {limit}" for limit in whole.crossed]
    metrics = _metrics(base, head, whole.scenario.tolerances)
    decision, reasons = decide(crossed, metrics)
    counters = changed_counters(whole.summary.counters, [run.summary.counters for run in base])
    work = changed_work([run.summary.done for run in head], [run.summary.done for run in base])
    return Comparison(
        decision=decision,
        reasons=(*reasons, *map(str, counters), *map(str, work)),
        metrics=metrics,
        baseline_runs=len(base),
        newest_baseline_commit=base[-1].provenance.commit,
        compare_with=name,
        counters=counters,
        work=work,
    )


def whole_of(recordings: Sequence[Recording]) -> Recording:
    """Several recordings as one, each after the one before it; without their warm-ups, see `measured`."""
    log, begin_s = SampleLog(), 0.0
    resources, probes, gauges = list[ResourceSample](), list[Probe](), list[GaugeSample]()
    gaps: dict[int, Histogram] = {}
    for each in recordings:
        for sample in each.samples.shift(begin_s):
            log.append(sample)
        for phase, found in each.token_gaps.items():
            gaps.setdefault(phase, Histogram()).merge(found)
        resources += moved(each.resources, begin_s)
        probes += moved(each.probes, begin_s)
        gauges += moved(each.gauges, begin_s)
        begin_s += each.elapsed_s
    return replace(
        recordings[0],
        planned_s=sum(each.planned_s for each in recordings),
        elapsed_s=begin_s,
        samples=log.since(0),
        token_gaps=gaps,
        resources=tuple(resources),
        probes=tuple(probes),
        gauges=tuple(gauges),
        work=sum_work([each.work for each in recordings]),
        stop=next((each.stop for each in recordings if each.stop), None),
        calibration=next((each.calibration for each in recordings if each.calibration), None),
        host=noisiest([each.host for each in recordings]),
    )


def _metrics(
    base: Sequence[RunResult], head: Sequence[RunResult], tolerances: Mapping[str, Tolerance]
) -> tuple[MetricComparison, ...]:
    pairs = [
        (figures_of(one.summary), figures_of(other.summary)) for one, other in zip(base, head, strict=True)
    ]
    keys = {key for pair in pairs for figures in pair for key in figures}
    shifts, unpaired = {}, {}
    for key in keys:
        both = [(one[key], other[key]) for one, other in pairs if key in one and key in other]
        shift = of_pairs(key, both)
        if shift is not None:
            shifts[key] = shift
        else:
            in_base, in_head = (sum(key in pair[side] for pair in pairs) for side in (0, 1))
            unpaired[key] = _unpaired(key, in_base, in_head)
    counts = [successes([run.summary for run in each]) for each in (head, base)]
    success = judge_success(*counts)
    return (success, *in_order({**judge_shifts(shifts, tolerances, AB_MARGIN_RATIO), **unpaired}))


def _unpaired(key: str, in_base: int, in_head: int) -> MetricComparison:
    """A metric that too few pairs have on both sides, by how many runs of each have it."""
    verdict = Verdict.INCONCLUSIVE
    # A percentile is not gone when some of so many requests failed: that is for success to say.
    if in_base >= MIN_PAIRS and not in_head and metric(key).part is not Part.TAILS:
        verdict = Verdict.MISSING
    elif in_head >= MIN_PAIRS and not in_base:
        verdict = Verdict.NEW
    return MetricComparison(key=key, verdict=verdict, part=metric(key).part)
