"""Compare two versions that were measured alternately on one machine (`bench ab`).

Consecutive runs share the machine and its load, so their differences contain neither, and no baseline is
needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.core.config.scenario import Tolerance
from bench.core.run.counters import changed_counters
from bench.core.run.figures import figures_of
from bench.core.run.recording import Recording, shift_clock
from bench.core.run.result import RunResult
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric
from bench.core.samples.sample import GaugeSample, Probe, ResourceSample
from bench.core.samples.samples import SampleLog
from bench.core.values.histogram import Histogram
from bench.core.verdict.compare import Comparison, Decision, crossed_thresholds, decide
from bench.core.verdict.shift import MIN_PAIRS, Figures, Shift, shift_of_pairs
from bench.core.verdict.success import count_successes, judge_success
from bench.core.verdict.verdict import MetricComparison, Verdict, judge_shifts, sort_by_part
from bench.core.watch.host import noisiest
from bench.core.watch.work import changed_work, sum_work

# Half of the margin of a baseline: consecutive runs on one machine show smaller changes.
AB_MARGIN_RATIO = 0.05


def run_order(pairs: int) -> str:
    """Return the order of the runs, `ABBA ABBA…`: neither version gains from being first, or from a drift."""
    return ("ABBA" * pairs)[: 2 * pairs]


def compare_pairs(
    base: Sequence[RunResult], head: Sequence[RunResult], joined_head: RunResult, base_name: str
) -> Comparison:
    """Compare the head with the base.

    Args:
        base: The runs of the base, in their order.
        head: The same number of runs of the head, each measured directly before or after the base run at its
            index.
        joined_head: All head runs as one run, for the thresholds.
        base_name: Name of the base in reports.
    """
    invalid: list[str] = []
    for run in (*base, *head):
        invalid += run.validity.reasons
    if invalid:
        return Comparison(
            decision=Decision.INVALID, reasons=tuple(dict.fromkeys(invalid)), base_name=base_name
        )

    metrics = _judge_metrics(base, head, joined_head.scenario.tolerances)
    decision, reasons = decide(crossed_thresholds(joined_head), metrics)
    counters = changed_counters(joined_head.summary.counters, [run.summary.counters for run in base])
    work = changed_work([run.summary.done for run in head], [run.summary.done for run in base])
    return Comparison(
        decision=decision,
        reasons=(*reasons, *map(str, counters), *map(str, work)),
        metrics=metrics,
        baseline_runs=len(base),
        newest_baseline_commit=base[-1].provenance.commit,
        base_name=base_name,
        counters=counters,
        work=work,
    )


def join_recordings(recordings: Sequence[Recording]) -> Recording:
    """Join recordings without warm-up (see `drop_warm_up`) into one, as if they were consecutive."""
    samples = SampleLog()
    resources: list[ResourceSample] = []
    probes: list[Probe] = []
    gauges: list[GaugeSample] = []
    token_gaps: dict[int, Histogram] = {}
    elapsed_s = 0.0
    for recording in recordings:
        for sample in recording.samples.shift(elapsed_s):
            samples.append(sample)
        for phase, gaps in recording.token_gaps.items():
            token_gaps.setdefault(phase, Histogram()).merge(gaps)
        resources += shift_clock(recording.resources, elapsed_s)
        probes += shift_clock(recording.probes, elapsed_s)
        gauges += shift_clock(recording.gauges, elapsed_s)
        elapsed_s += recording.elapsed_s
    stops = filter(None, (recording.stop for recording in recordings))
    calibrations = filter(None, (recording.calibration for recording in recordings))
    return replace(
        recordings[0],
        planned_s=sum(recording.planned_s for recording in recordings),
        elapsed_s=elapsed_s,
        samples=samples.since(0),
        token_gaps=token_gaps,
        resources=tuple(resources),
        probes=tuple(probes),
        gauges=tuple(gauges),
        work=sum_work([recording.work for recording in recordings]),
        stop=next(stops, None),
        calibration=next(calibrations, None),
        host=noisiest([recording.host for recording in recordings]),
    )


def _judge_metrics(
    base: Sequence[RunResult], head: Sequence[RunResult], tolerances: Mapping[str, Tolerance]
) -> tuple[MetricComparison, ...]:
    """Judge success and every metric that the pairs have."""
    base_summaries = [run.summary for run in base]
    head_summaries = [run.summary for run in head]
    base_figures = list(map(figures_of, base_summaries))
    head_figures = list(map(figures_of, head_summaries))
    shifts: dict[str, Shift] = {}
    unpaired: dict[str, MetricComparison] = {}
    for key in set[str]().union(*base_figures, *head_figures):
        pairs = _pairs_of(key, base_figures, head_figures)
        shift = shift_of_pairs(key, pairs)
        if shift is not None:
            shifts[key] = shift
        else:
            unpaired[key] = _judge_unpaired(key, pairs)
    success = judge_success(count_successes(head_summaries), count_successes(base_summaries))
    return (success, *sort_by_part({**judge_shifts(shifts, tolerances, AB_MARGIN_RATIO), **unpaired}))


def _pairs_of(
    key: str, base: Sequence[Mapping[str, Figures]], head: Sequence[Mapping[str, Figures]]
) -> list[tuple[Figures, Figures]]:
    """Return the values of one metric in each pair; empty values if a run does not have it."""
    pairs = zip(base, head, strict=True)
    return [(base_figures.get(key, {}), head_figures.get(key, {})) for base_figures, head_figures in pairs]


def _judge_unpaired(key: str, pairs: Sequence[tuple[Figures, Figures]]) -> MetricComparison:
    """Judge a metric that too few pairs have on both sides."""
    part = metric(key).part
    base_runs = sum(bool(base) for base, _ in pairs)
    head_runs = sum(bool(head) for _, head in pairs)
    verdict = Verdict.INCONCLUSIVE
    # A 95th percentile can be absent because a few requests failed; the success ratio judges that.
    if base_runs >= MIN_PAIRS and not head_runs and part is not Part.TAILS:
        verdict = Verdict.MISSING
    elif head_runs >= MIN_PAIRS and not base_runs:
        verdict = Verdict.NEW
    return MetricComparison(key=key, verdict=verdict, part=part)
