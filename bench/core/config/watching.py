"""Monitoring of a stack: health checks, gauges and counters of its services, and limits for alerts."""

import re
from typing import Annotated, Literal, assert_never

from pydantic import Field, StringConstraints

from bench.core.config.placeholders import KEEPS_PLACEHOLDERS
from bench.core.config.target import Name, UrlPath
from bench.core.values.duration import PositiveDuration
from bench.core.values.record import Record

GaugeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Ratio = Annotated[float, Field(gt=0, le=1)]
_LABEL = r'([A-Za-z_][A-Za-z0-9_]*)="([^"\\]*)"'
Series = Annotated[
    str, StringConstraints(pattern=rf"^[A-Za-z_:][A-Za-z0-9_:]*(\{{{_LABEL}(,{_LABEL})*\}})?$")
]


class HttpCheck(Record):
    """A health check: the service is up if a path answers with a status."""

    kind: Literal["http"]
    """Kind of the check."""
    service: Name
    """Service whose address is used."""
    path: UrlPath
    """Path below the service's address."""
    auth: Literal["bearer", "none"] = "none"
    """Authentication: `bearer` sends a test user's token."""
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    """Expected HTTP status. By default it is any from 200 to 299."""
    hint: str | None = None
    """Advice that is printed if the check fails."""


class MongoCheck(Record):
    """A health check: a MongoDB is up if it answers `ping`."""

    kind: Literal["mongodb"]
    """Kind of the check."""
    uri: Annotated[str, KEEPS_PLACEHOLDERS]
    """Address of the MongoDB."""
    hint: str | None = None
    """Advice that is printed if the check fails."""


class TcpCheck(Record):
    """A health check: a service is up if its port accepts a connection."""

    kind: Literal["tcp"]
    """Kind of the check."""
    service: Name
    """Service whose host and port are used."""
    hint: str | None = None
    """Advice that is printed if the check fails."""


Check = Annotated[HttpCheck | MongoCheck | TcpCheck, Field(discriminator="kind")]


def hint_of(check: Check) -> str:
    """Return the advice for a failed check: the stack's own, else a general one."""
    if check.hint is not None:
        return check.hint
    match check:
        case HttpCheck() | TcpCheck():
            return f"check that '{check.service}' is running; read its log"
        case MongoCheck():
            return "check that MongoDB is running and that its address is correct"
        case _:
            assert_never(check)


class Readings(Record):
    """Numbers that are read from the Prometheus text of a service."""

    path: UrlPath = "/metrics"
    """Path of the text."""
    read: Annotated[dict[GaugeName, Series], Field(min_length=1)]
    """Prometheus series by the name in reports, such as `requests_total{method="POST"}`. A series is added up
    over all labels that it does not name. The gauge `queue_depth` has an alert; the counters `cache_hits`,
    `cache_misses` and `cache_shared` are the hit ratio of a scenario with `repeat`."""


class AlertLimits(Record):
    """Limits beyond which `bench` raises an alert."""

    memory_ratio: Ratio = 0.8
    """Highest share of its memory limit that a service or the machine may use, 0 to 1."""
    error_ratio: Ratio = 0.05
    """Highest share of failed requests in a window, 0 to 1."""
    error_window_s: Annotated[PositiveDuration, Field(alias="error_window")] = 300.0
    """Length of the window. A shorter run is one window."""
    queue_depth: Annotated[int, Field(ge=0)] = 100
    """Highest number of waiting requests."""
    slow_s: Annotated[PositiveDuration, Field(alias="slow")] = 30.0
    """Longest duration of a request."""
    success_ratio: Ratio = 0.95
    """Lowest share of successful requests in the run, 0 to 1."""


def parse_series(series: str) -> tuple[str, dict[str, str]]:
    """Return name and labels of a series: `sent{method="POST"}` → `("sent", {"method": "POST"})`."""
    name, _, labels = series.partition("{")
    return name, dict(re.findall(_LABEL, labels))
