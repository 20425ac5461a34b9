"""What measuring returns, with no opinion about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar, get_type_hints

from pydantic import Field, create_model

from bench.core.calibration.calibration import Calibration
from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.samples.fields import field_docs
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import GaugeSample, Probe, ResourceSample, Stop
from bench.core.samples.samples import Samples
from bench.core.values.histogram import Histogram
from bench.core.values.record import Record
from bench.core.watch.host import Host

Watched = TypeVar("Watched", ResourceSample, Probe, GaugeSample)


@dataclass(frozen=True, slots=True)
class Recording:
    """All that was measured in one run.

    Attributes:
        planned_s: How long the scenario was to send requests.
        elapsed_s: How long it did, until the last request was over.
        samples: Requests, those of one load generator in the order in which they finished.
        token_gaps: Between the tokens of the target's streamed answers that succeeded, by stage.
        resources: Samples of every service, of the generators and of the machine.
        probes: What the stack's health checks found.
        gauges: What services said of themselves.
        work: What services counted during the load, by the counter's name; empty when that is not known.
        stop: Why the run ended before its plan did; None when it did not.
        calibration: What the load generator is worth on this machine; None when it was not asked.
        reference_workload: How fast the machine is; None likewise.
        host: How quiet the machine was; None when nobody looked.
        layers: Milliseconds by tier, asked one by one after the load, for stacks that declare how.
        warnings: For people: what was odd while measuring.
    """

    planned_s: float
    elapsed_s: float
    samples: Samples
    token_gaps: Mapping[int, Histogram] = field(default_factory=dict)
    resources: tuple[ResourceSample, ...] = ()
    probes: tuple[Probe, ...] = ()
    gauges: tuple[GaugeSample, ...] = ()
    work: Mapping[str, float] = field(default_factory=dict)
    stop: Stop | None = None
    calibration: Calibration | None = None
    reference_workload: ReferenceWorkload | None = None
    host: Host | None = None
    layers: Sequence[Mapping[str, float]] = ()
    warnings: tuple[str, ...] = ()


class Course(Record):
    """A recording without its requests, as a file holds it; the requests stand in another, a line each.

    Attributes:
        planned_s: How long the scenario was to send requests.
        elapsed_s: How long it did, until the last request was over.
        resources: Samples of every service, of the generators and of the machine.
        token_gaps: Between tokens, by stage: how many in each bucket, by its number (see `values.histogram`).
        probes: What the stack's health checks found.
        gauges: What services said of themselves.
        work: What services counted during the load, by the counter's name.
    """

    planned_s: float
    elapsed_s: float
    resources: tuple[ResourceSample, ...]
    token_gaps: dict[int, dict[int, int]]
    probes: tuple[Probe, ...] = ()
    gauges: tuple[GaugeSample, ...] = ()
    work: dict[str, float] = {}


def course(recording: Recording) -> Course:
    """A recording without its requests."""
    return Course(
        planned_s=recording.planned_s,
        elapsed_s=recording.elapsed_s,
        resources=recording.resources,
        token_gaps={phase: gaps.buckets() for phase, gaps in recording.token_gaps.items()},
        probes=recording.probes,
        gauges=recording.gauges,
        work=dict(recording.work),
    )


@cache
def request_line_model() -> type[Record]:
    """Return the model of one line of `samples.jsonl.gz`, derived from the fields of `RequestSample`."""
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


def moved(watched: Iterable[Watched], by_s: float) -> list[Watched]:
    """What was watched, on a clock that is ahead by so many seconds."""
    return [each.model_copy(update={"at_s": each.at_s + by_s}) for each in watched]


def line(sample: RequestSample) -> dict[str, object]:
    """A request as a file holds it: what it does not have is left out."""
    fields = sample._asdict() | {"tier_times": dict(sample.tier_times)}
    return {name: value for name, value in fields.items() if value is not None}
