"""Values that a run records while it goes on, besides its requests. Together they become its recording.

A run stores them about twice a second, so a run that is killed loses at most the newest ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from bench.core.calibration.calibration import Calibration
from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.faults.fault_times import FaultTimes
from bench.core.response.remarks import Remarks
from bench.core.run.generator_reports import GeneratorReport
from bench.core.run.recording import Recording
from bench.core.samples.sample import GaugeSample, Probe, ResourceSample, Stall, Stop
from bench.core.samples.token_times import TokenTimes
from bench.core.tiers.histogram_means import TierMean
from bench.core.tiers.traced_loads import TracedLoad
from bench.core.values.histogram import DurationCounts, Histogram
from bench.core.values.record import Record
from bench.core.watch.host import Host
from bench.core.watch.scaling import ScalingDecision

# A run is shorter than this number of seconds; a damaged file may have any number.
Second = Annotated[float, Field(ge=0, le=10_000_000)]


class RemarkCounts(Record):
    """Observations about answers."""

    counts: dict[str, int] = {}
    """Number of answers by remark."""
    streamed: int = 0
    """Number of complete streamed answers."""
    buffered: int = 0
    """Number of those that came in one read."""


class RecordedValues(Record):
    """Values that were recorded since the previous ones. A value that is a default was not recorded."""

    at_s: Second
    """Time since the start of the load, at most that of its end."""
    resources: tuple[ResourceSample, ...] = ()
    """Samples of resources."""
    probes: tuple[Probe, ...] = ()
    """Results of health checks."""
    gauges: tuple[GaugeSample, ...] = ()
    """Gauges of the services."""
    scaling: tuple[ScalingDecision, ...] = ()
    """Changes of the number of instances."""
    token_gaps: dict[int, DurationCounts] = {}
    """Times between tokens, by phase."""
    token_spans: dict[int, tuple[tuple[Second, Second], ...]] = {}
    """Periods in which tokens came, by phase."""
    remarks: RemarkCounts | None = None
    """Observations about answers."""
    warnings: tuple[str, ...] = ()
    """Warnings for people."""
    pauses: tuple[Stall, ...] = ()
    """Times in which a load generator did not run."""
    longest_turn_s: float | None = None
    """Longest time without a turn of a load generator's loop."""
    long_turns: tuple[Stall, ...] = ()
    """Times without a turn that delayed requests."""
    work: dict[str, float] = {}
    """Increase of the services' counters during the load."""
    faults: tuple[FaultTimes, ...] = ()
    """Measured times of the faults so far."""
    http_versions: tuple[str, ...] = ()
    """HTTP versions of the replies."""
    calibration: Calibration | None = None
    """Error of the load generator so far."""
    reference_workload: ReferenceWorkload | None = None
    """Times of the reference workload so far."""
    layers: tuple[dict[str, float], ...] = ()
    """Milliseconds by tier of each round of direct calls."""
    tier_means: dict[str, TierMean] = {}
    """Mean times of tiers from the histograms of the services."""
    host: Host | None = None
    """Disturbances of the machine."""
    generators: tuple[GeneratorReport, ...] = ()
    """The load generators on other machines."""
    traced_loads: tuple[TracedLoad, ...] = ()
    """Trace ids of the requests."""
    stop: Stop | None = None
    """Why the load ended early."""
    ended_s: Second | None = None
    """Time in the last phase at which it was ended early; null if its duration ended it."""
    is_end: bool = False
    """Whether the load has ended."""


class NewValues:
    """Collects values until they are stored."""

    def __init__(self) -> None:
        self._samples: list[ResourceSample | Probe | GaugeSample | ScalingDecision] = []
        self._tokens: dict[int, TokenTimes] = {}
        self._remarks = Remarks()
        self._warnings: dict[str, None] = {}
        self._stored_warnings: set[str] = set()

    def add_sample(self, sample: ResourceSample | Probe | GaugeSample | ScalingDecision) -> None:
        """Add a sample of resources, a health check, a gauge or a change of the number of instances."""
        self._samples.append(sample)

    def add_tokens(self, times: Mapping[int, TokenTimes]) -> None:
        """Add the tokens of responses, by phase."""
        for phase, tokens in times.items():
            self._tokens.setdefault(phase, TokenTimes()).merge(tokens)

    def add_remarks(self, remarks: Remarks) -> None:
        """Add observations about answers."""
        self._remarks.merge(remarks)

    def add_warnings(self, warnings: Iterable[str]) -> None:
        """Add warnings; each is stored once."""
        self._warnings |= dict.fromkeys(
            warning for warning in warnings if warning not in self._stored_warnings
        )

    def take(self, at_s: float) -> RecordedValues:
        """Return all values, and begin again.

        Args:
            at_s: Time since the start of the load.
        """
        remarks = self._remarks.take()
        values = RecordedValues(
            at_s=at_s,
            resources=tuple(sample for sample in self._samples if isinstance(sample, ResourceSample)),
            probes=tuple(sample for sample in self._samples if isinstance(sample, Probe)),
            gauges=tuple(sample for sample in self._samples if isinstance(sample, GaugeSample)),
            scaling=tuple(sample for sample in self._samples if isinstance(sample, ScalingDecision)),
            token_gaps={phase: tokens.gaps.written() for phase, tokens in self._tokens.items()},
            token_spans={phase: tokens.spans() for phase, tokens in self._tokens.items()},
            remarks=RemarkCounts(counts=remarks.counts, streamed=remarks.streamed, buffered=remarks.buffered),
            warnings=tuple(self._warnings),
        )
        self._stored_warnings |= self._warnings.keys()
        self._samples = []
        self._tokens = {}
        self._warnings = {}
        return values


def add_values(recording: Recording, values: Iterable[RecordedValues]) -> Recording:
    """Return a recording with the values that were recorded one after the other."""
    resources: list[ResourceSample] = []
    probes: list[Probe] = []
    gauges: list[GaugeSample] = []
    scaling: list[ScalingDecision] = []
    pauses: list[Stall] = []
    long_turns: list[Stall] = []
    tokens: dict[int, TokenTimes] = {}
    remarks = Remarks()
    warnings: dict[str, None] = {}
    for new in values:
        resources += new.resources
        probes += new.probes
        gauges += new.gauges
        scaling += new.scaling
        pauses += new.pauses
        long_turns += new.long_turns
        warnings |= dict.fromkeys(new.warnings)
        _add_tokens(tokens, new)
        _add_remarks(remarks, new)
        recording = _add_latest(recording, new)
    return replace(
        recording,
        resources=tuple(resources),
        probes=tuple(probes),
        gauges=tuple(gauges),
        scaling=tuple(scaling),
        pauses=tuple(pauses),
        long_turns=tuple(long_turns),
        token_gaps={phase: times.gaps for phase, times in tokens.items()},
        token_spans={phase: times.spans() for phase, times in tokens.items()},
        warnings=(*warnings, *remarks.sentences()),
    )


def _add_latest(recording: Recording, new: RecordedValues) -> Recording:
    """Return a recording with the values of which the newest one counts."""
    return replace(
        recording,
        elapsed_s=new.at_s if new.is_end else max(recording.elapsed_s, new.at_s),
        work=new.work or recording.work,
        faults=new.faults or recording.faults,
        http_versions=new.http_versions or recording.http_versions,
        longest_turn_s=recording.longest_turn_s if new.longest_turn_s is None else new.longest_turn_s,
        calibration=new.calibration or recording.calibration,
        reference_workload=new.reference_workload or recording.reference_workload,
        layers=new.layers or recording.layers,
        tier_means=new.tier_means or recording.tier_means,
        host=new.host or recording.host,
        generators=new.generators or recording.generators,
        traced_loads=new.traced_loads or recording.traced_loads,
        stop=new.stop or recording.stop,
        ended_s=recording.ended_s if new.ended_s is None else new.ended_s,
    )


def _add_tokens(tokens: dict[int, TokenTimes], new: RecordedValues) -> None:
    for phase, counts in new.token_gaps.items():
        times = tokens.setdefault(phase, TokenTimes())
        times.merge(TokenTimes.of(Histogram.of(counts), new.token_spans.get(phase, ())))


def _add_remarks(remarks: Remarks, new: RecordedValues) -> None:
    if new.remarks is None:
        return
    for remark, count in new.remarks.counts.items():
        remarks.add(remark, count)
    remarks.streamed += new.remarks.streamed
    remarks.buffered += new.remarks.buffered
