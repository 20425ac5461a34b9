"""The load generators of a run on other machines: shares, clocks and machines, and those that were lost."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from bench.core.calibration.calibration import Trial
from bench.core.config.executors import OpenLoop
from bench.core.load.clock_offset import GeneratorClock
from bench.core.load.plan import RunPlan
from bench.core.values import wording
from bench.core.values.record import Count, NotNegative, Number, Record
from bench.core.watch.host import Host, noisiest


class GeneratorLoss(Record):
    """The end of a load generator before the end of its load."""

    at_s: Number
    """Time of the end, in seconds since the start of the load."""
    reason: str
    """The reason in a sentence."""
    missing: Count
    """Number of requests of its share that have no result."""
    is_estimate: bool
    """Whether this number is an estimate: what the other load generators sent on average, less its own."""


class GeneratorReport(Record):
    """A load generator on another machine."""

    name: str
    """Name of its Dask worker."""
    host: str
    """Name of its machine."""
    source: str
    """Its name among the resources: `generator`, `generator-2` and so on."""
    share: tuple[Count, Count]
    """Number of its share of the load, from 1, and the number of shares; 0 if it was lost before the load."""
    requests: Count
    """Number of its requests that have a result."""
    clock: GeneratorClock
    """Its clock, compared with that of the machine of the run."""
    bench: str
    """Its version of bench."""
    python: str
    """Its version of Python."""
    before: Trial | None = None
    """Errors of its own times on its machine before the load; null without this calibration."""
    after: Trial | None = None
    """The same after the load; null if it was lost, too."""
    machine_cpu_pct: NotNegative | None = None
    """95th percentile of the use of all cores of its machine during the load; null if it is unknown."""
    machine: Host | None = None
    """Disturbances of its machine; null if it was lost."""
    lost: GeneratorLoss | None = None
    """Its loss; null if its share is complete."""

    @property
    def is_lost_before(self) -> bool:
        """Whether it was lost before the load, of which the others had larger shares."""
        return not self.share[0]

    def describe_loss(self) -> str | None:
        """Return a sentence about its loss; `None` if its share is complete."""
        if self.lost is None or not (self.lost.missing or self.lost.is_estimate):
            return None
        about = "about " if self.lost.is_estimate else ""
        missing = wording.counted(self.lost.missing, "request")
        moment = f"{max(0.0, self.lost.at_s):.0f} s after the start"
        return f"from {moment} on, {about}{missing} of the load are missing: {self.lost.reason}"


def count_missing(
    plan: RunPlan, number: int, requests: Mapping[int, int], lost: Collection[int], *, is_complete: bool
) -> tuple[int, bool]:
    """Return the number of requests that a lost load generator has not reported, and if it is an estimate.

    Args:
        plan: The complete load.
        number: Number of the lost load generator.
        requests: Number of requests that each load generator has reported, by its number, in the order of
            their shares.
        lost: Numbers of all lost load generators.
        is_complete: Whether the others have sent all of their shares.
    """
    if is_complete and not plan.parts and all(isinstance(phase, OpenLoop) for phase in plan.phases):
        share = plan.split(len(requests))[list(requests).index(number)]
        planned = sum(1 for phase in range(len(plan.phases)) for _ in share.arrivals(phase))
        return max(0, planned - requests[number]), False
    others = [count for other, count in requests.items() if other not in lost]
    mean = sum(others) / len(others) if others else 0.0
    return max(0, round(mean) - requests[number]), True


def join_reports(
    runs: Iterable[tuple[float, Sequence[GeneratorReport]]],
) -> tuple[GeneratorReport, ...]:
    """Return one report for each load generator of several runs: sums, and the worst values.

    Args:
        runs: Start of each run and its reports, in the order of the runs.
    """
    joined: dict[str, GeneratorReport] = {}
    for start_s, reports in runs:
        for report in reports:
            if report.lost is not None:
                lost = report.lost.model_copy(update={"at_s": start_s + report.lost.at_s})
                report = report.model_copy(update={"lost": lost})  # noqa: PLW2901
            before = joined.get(report.name)
            joined[report.name] = report if before is None else _join(before, report)
    return tuple(joined.values())


def _join(first: GeneratorReport, second: GeneratorReport) -> GeneratorReport:
    clocks = [first.clock, second.clock]
    busy_pct = [report.machine_cpu_pct for report in (first, second) if report.machine_cpu_pct is not None]
    return second.model_copy(
        update={
            "share": first.share if second.is_lost_before else second.share,
            "requests": first.requests + second.requests,
            "clock": max(clocks, key=lambda clock: clock.error_ms),
            "before": first.before or second.before,
            "after": second.after or first.after,
            "machine_cpu_pct": max(busy_pct, default=None),
            "machine": noisiest([first.machine, second.machine]),
            "lost": first.lost or second.lost,
        }
    )


def list_early_losses(reports: Sequence[GeneratorReport]) -> Iterator[str]:
    """Yield a sentence for each load generator that was lost before the load."""
    for report in reports:
        if report.is_lost_before and report.lost is not None:
            place = f"worker '{report.name}' on {report.host}"
            yield f"{place} was lost before the load, so the others sent its share: {report.lost.reason}"


def list_losses(reports: Sequence[GeneratorReport]) -> Iterator[str]:
    """Yield a sentence for each load generator that was lost during the load."""
    for report in reports:
        sentence = report.describe_loss()
        if sentence is not None:
            yield sentence
