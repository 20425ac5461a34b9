"""The raw data of one measurement, before any judgement."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import cache
from typing import Any, TypeVar, get_type_hints

from pydantic import Field, create_model

from bench.core.calibration.calibration import Calibration
from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.faults.fault_times import FaultTimes
from bench.core.load.machine_limits import MachineLimits
from bench.core.load.needs import Needs
from bench.core.run.generator_reports import GeneratorReport
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import GaugeSample, Probe, ResourceSample, Stall, Stop
from bench.core.samples.samples import Samples
from bench.core.samples.token_times import Span
from bench.core.tiers.histogram_means import TierMean
from bench.core.tiers.traced_loads import TracedLoad
from bench.core.values.field_docs import field_docs
from bench.core.values.histogram import DurationCounts, Histogram
from bench.core.values.record import Record
from bench.core.watch.host import Host
from bench.core.watch.scaling import ScalingDecision

Watched = TypeVar("Watched", ResourceSample, Probe, GaugeSample)


@dataclass(frozen=True, slots=True)
class Recording:
    """All raw data of one run."""

    planned_s: float
    """Planned duration of the load."""
    elapsed_s: float
    """Time from the start of the load to the end of the last request."""
    samples: Samples
    """The requests; those of one load generator are in the order of their end."""
    token_gaps: Mapping[int, Histogram] = field(default_factory=dict)
    """Times between tokens of the target's successful streamed responses, by phase."""
    token_spans: Mapping[int, tuple[Span, ...]] = field(default_factory=dict)
    """Periods in which tokens of these responses came, by phase."""
    resources: tuple[ResourceSample, ...] = ()
    """Resource samples of every service, of the load generators and of the machine."""
    probes: tuple[Probe, ...] = ()
    """Results of the stack's health checks."""
    gauges: tuple[GaugeSample, ...] = ()
    """Gauges that the services report."""
    scaling: tuple[ScalingDecision, ...] = ()
    """Changes of the number of instances."""
    work: Mapping[str, float] = field(default_factory=dict)
    """Increase of the services' counters during the load, by the counter's name; empty if it is unknown."""
    faults: tuple[FaultTimes, ...] = ()
    """Measured times of the faults of the scenario."""
    http_versions: tuple[str, ...] = ()
    """HTTP versions of the replies, such as `1.1`."""
    stop: Stop | None = None
    """Why the run ended early; `None` if it did not."""
    is_interrupted: bool = False
    """Whether Ctrl-C was pressed, also if the load was complete before; not stored."""
    ended_s: float | None = None
    """Time in the last phase at which it had shown enough and was ended; `None` if its duration ended it."""
    calibration: Calibration | None = None
    """Error of the load generator on this machine; `None` without calibration."""
    reference_workload: ReferenceWorkload | None = None
    """Times of the reference workload; `None` if it did not run."""
    host: Host | None = None
    """Disturbances of the machine; `None` if they were not measured."""
    generators: tuple[GeneratorReport, ...] = ()
    """The load generators on other machines; empty if all ran on the machine of the run."""
    needs: Needs = field(default_factory=Needs)
    """Needs of the plan on the load generator's machine."""
    machine_limits: MachineLimits = field(default_factory=MachineLimits)
    """Limits of the load generator's machine."""
    pauses: tuple[Stall, ...] = ()
    """Times in which a load generator did not run."""
    longest_turn_s: float | None = None
    """Longest time without a turn of a load generator's loop; `None` if it was not measured."""
    long_turns: tuple[Stall, ...] = ()
    """Times without a turn that delayed requests."""
    layers: Sequence[Mapping[str, float]] = ()
    """Milliseconds by tier of each round of direct calls after the load, for stacks that declare them."""
    tier_means: Mapping[str, TierMean] = field(default_factory=dict)
    """Mean time of each tier from the histograms of the services."""
    remainder: str | None = None
    """Tier that gets the time that no other tier reports; `None` for unattributed time."""
    traced_loads: tuple[TracedLoad, ...] = ()
    """Trace ids of the requests; empty if they had none."""
    warnings: tuple[str, ...] = ()
    """Warnings for people."""


class RecordingFile(Record):
    """The content of `recording.json`: a recording without its requests, which have a file of their own."""

    planned_s: float
    """Planned duration of the load, in seconds."""
    elapsed_s: float
    """Seconds from the start of the load to the end of the last request."""
    resources: tuple[ResourceSample, ...]
    """Resource samples of every service, of the load generators and of the machine."""
    token_gaps: dict[int, DurationCounts]
    """Times between the tokens of the target's successful streamed responses, by phase."""
    token_spans: dict[int, tuple[tuple[float, float], ...]] = {}
    """Start and end of the periods in which tokens of these responses came, in seconds, by phase."""
    probes: tuple[Probe, ...] = ()
    """Results of the stack's health checks."""
    gauges: tuple[GaugeSample, ...] = ()
    """Gauges that the services report."""
    scaling: tuple[ScalingDecision, ...] = ()
    """Changes of the number of instances."""
    work: dict[str, float] = {}
    """Increase of the services' counters during the load, by the counter's name."""
    faults: tuple[FaultTimes, ...] = ()
    """Measured times of the faults of the scenario."""
    remainder: str | None = None
    """Tier that gets the time that no other tier reports; null for unattributed time."""
    traced_loads: tuple[TracedLoad, ...] = ()
    """Trace ids of the requests; empty if they had none."""
    pauses: tuple[tuple[float, float], ...] = ()
    """Start and length of each time in which a load generator did not run, in seconds."""


def recording_file(recording: Recording) -> RecordingFile:
    """Return the content of `recording.json`."""
    return RecordingFile(
        planned_s=recording.planned_s,
        elapsed_s=recording.elapsed_s,
        resources=recording.resources,
        token_gaps={phase: gaps.written() for phase, gaps in recording.token_gaps.items()},
        token_spans=dict(recording.token_spans),
        probes=recording.probes,
        gauges=recording.gauges,
        scaling=recording.scaling,
        work=dict(recording.work),
        faults=recording.faults,
        remainder=recording.remainder,
        traced_loads=recording.traced_loads,
        pauses=tuple(map(astuple, recording.pauses)),
    )


@cache
def request_line_model() -> type[Record]:
    """Return the model of one line of `bench export`, derived from the fields of `RequestSample`."""
    types = get_type_hints(RequestSample)
    docs = field_docs(RequestSample)
    fields: dict[str, Any] = {}
    for name in RequestSample._fields:
        default = RequestSample._field_defaults.get(name, ...)
        fields[name] = (types[name], Field(default, description=docs[name]))
    model: type[Record] = create_model(
        "RequestLine", __base__=Record, __doc__=RequestSample.__doc__, **fields
    )
    return model


def request_line(sample: RequestSample) -> dict[str, object]:
    """Return one line of the file of requests; values that are `None` are left out."""
    fields = sample._asdict() | {
        "tier_times": dict(sample.tier_times),
        "milestone_times": dict(sample.milestone_times) or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def shift_clock(watched: Iterable[Watched], by_s: float) -> list[Watched]:
    """Return copies of samples with their times increased by `by_s` seconds."""
    return [sample.model_copy(update={"at_s": sample.at_s + by_s}) for sample in watched]


def shift_stalls(stalls: Iterable[Stall], by_s: float) -> tuple[Stall, ...]:
    """Return the same times on a clock that is ahead by `by_s` seconds."""
    return tuple(replace(stall, at_s=stall.at_s + by_s) for stall in stalls)
