"""The options that every measurement has."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from bench.measure.run.conditions import Listener

QUIET = Listener()
"""Receives no events."""
TransportName = Literal["own", "httpx"]
HttpVersionName = Literal["1.1", "2"]
ArrivalsName = Literal["even", "poisson", "gamma"]


class LoadOptions(TypedDict, total=False):
    """Options of the load. An option that is left out has its default."""

    target: str | None
    """Name of the target, the interface that gets the requests; default: the target of the scenario."""
    model: str | None
    """Name of the model, which `${env.MODEL}` stands for; default: the variable, or the target's default. For
    an address, the first model that the service lists."""
    settings: Sequence[str]
    """Values of the target's body such as `stream=false`, or of fields such as `target.path=/v2/chat`."""
    vus: int | None
    """Number of VUs; default: the number in the scenario."""
    duration: str | float | None
    """Duration of the measured phase, such as `30s` or `2m`, or seconds; default: that of the scenario."""
    rate: float | None
    """Requests per `time_unit`; default: the rate of the scenario."""
    spawn_rate: float | None
    """VUs that start per second; default: that of the scenario, where all may start at once."""
    arrivals: ArrivalsName | None
    """Distribution of the intervals between requests; default: that of the scenario, or `even`."""
    burstiness: float | None
    """Burstiness of gamma arrivals, which it implies; default: that of the scenario."""
    rates: Path | str | None
    """File of rates over time; default: that of the scenario."""
    times: Path | str | None
    """File of arrival times; default: that of the scenario."""
    speed: float | None
    """The arrival times pass this many times as fast; default: the speed of the scenario."""
    objectives: Sequence[str]
    """Longest times of a good answer in milliseconds, such as `ttft:2000`."""
    thresholds: Sequence[str]
    """Further thresholds, such as `e2e_ms p(95)<2000`."""
    messages: Sequence[str]
    """Messages for an address; default: a few short questions."""
    data: Path | str | None
    """File with messages for an address: lines of text, CSV, JSON Lines or Parquet."""
    headers: Sequence[str]
    """Headers for an address, such as `authorization: Bearer …`. No result contains their values."""
    body: str | None
    """JSON body for an address with `${message}`; default: the first of common ones that is answered."""
    text: str | None
    """Dotted path of the text in the answers of an address; default: found in its first answer."""
    think_time: str | float | None
    """Pause of each VU before its next message to an address, such as `1s` or `1s..2s`; default: none."""
    timeout: str | float | None
    """Longest time for one request to an address; default: `2m`."""


class RunOptions(LoadOptions, total=False):
    """Options of a measurement. An option that is left out has its default."""

    stack: str | None
    """Name of the stack; default: `external` if `urls` are given, else `embedded`."""
    service: str | None
    """Service that gets the requests; default: the service of the stack for this target."""
    urls: Sequence[str]
    """Addresses of a running stack: `URL` of the target's service, or `SERVICE=URL`."""
    inject: Sequence[str]
    """Knobs that slow the stack down or make it fail, such as `model.slowdown=1.3`."""
    workers: int | str
    """Processes that generate the load, or the Dask scheduler of other machines, such as
    `dask://10.0.0.5:8786`; default: 1."""
    transport: TransportName
    """HTTP client; default: `own`."""
    http: HttpVersionName | None
    """HTTP version; default: the highest that the HTTP client and the server support."""
    ca: Path | None
    """PEM file with certificates that are trusted as well as those of the system."""
    otlp: int | None
    """Port that receives spans of OpenTelemetry; default: that of the stack, which may declare none."""
    calibration: bool
    """Measure a server with known timing after the load, and before it if the run starts the stack; default:
    True."""
    pin: bool
    """Give load and stack separate cores on machines with four or more cores; default: True."""
    allow_side_effects: bool
    """Run a scenario although its changes outlast the run; default: False."""
    results: Path
    """Folder of the stored runs; default: `results`."""


class PairOptions(LoadOptions, total=False):
    """Options of a comparison of two versions. An option that is left out has its default."""

    pairs: str | int | None
    """Largest number of pairs, or `LEAST..MOST`; default: 12."""
    service: str | None
    """Service that gets the requests; default: the service of the stack for this target."""
    inject: Sequence[str]
    """Knobs that slow down the head version, such as `model.slowdown=1.3`."""
    ca: Path | None
    """PEM file with certificates that are trusted as well as those of the system."""
    workers: int | str
    """Processes that generate the load, or the Dask scheduler of other machines, such as
    `dask://10.0.0.5:8786`; default: 1."""
    pin: bool
    """Give load and stack separate cores on machines with four or more cores; default: True."""
    allow_side_effects: bool
    """Run a scenario although its changes outlast the run; default: False."""
    results: Path | str
    """Folder of the stored runs; default: `results`."""
