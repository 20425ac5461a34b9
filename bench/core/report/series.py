"""What a page draws of a run: a bounded number of figures, whatever the number of requests."""

from dataclasses import replace

from bench.core.report.distribution import Distribution, distributions
from bench.core.report.timeline import Timeline, timeline
from bench.core.run.overhead import of_the_target
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.run.warm_up import measured
from bench.core.values.record import Record
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import comparable


class Series(Record):
    """Curves of one run.

    Attributes:
        distributions: How its latencies spread, beside the baseline.
        timeline: The run over time; None when its requests were not kept, or there were none.
    """

    distributions: tuple[Distribution, ...] = ()
    timeline: Timeline | None = None


def make_series(
    result: RunResult, recording: Recording | None = None, baseline: Baseline | None = None
) -> Series:
    """The curves of a run.

    Args:
        result: The run.
        recording: All that was measured in it, its warm-up as well; None when that was not kept.
        baseline: What it was compared with; None for nothing.
    """
    runs = comparable(result, baseline) if baseline else ()
    if recording is None:
        return Series(distributions=distributions(result, runs, None))
    phases = result.scenario.phases
    both = measured(recording, phases)
    counted = replace(both, samples=of_the_target(both.samples))
    return Series(
        distributions=distributions(result, runs, counted.samples),
        timeline=timeline(counted, phases),
    )
