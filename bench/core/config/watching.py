"""What a stack declares to be watched: health checks, what its services say of themselves, and limits."""

import re
from typing import Annotated, Literal, assert_never

from pydantic import Field, StringConstraints

from bench.core.config.target import Name
from bench.core.values.duration import PositiveDuration
from bench.core.values.record import Record

UrlPath = Annotated[str, StringConstraints(pattern=r"^/")]
GaugeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Ratio = Annotated[float, Field(gt=0, le=1)]
_LABEL = r'([A-Za-z_][A-Za-z0-9_]*)="([^"\\]*)"'
Series = Annotated[
    str, StringConstraints(pattern=rf"^[A-Za-z_:][A-Za-z0-9_:]*(\{{{_LABEL}(,{_LABEL})*\}})?$")
]


class HttpCheck(Record):
    """A service is up when a path of it answers with a status.

    Attributes:
        service: Whose address.
        path: Below it.
        auth: `bearer` sends a test user's token.
        status: That is right.
        hint: What to look at when it is down.
    """

    kind: Literal["http"]
    service: Name
    path: UrlPath
    auth: Literal["bearer", "none"] = "none"
    status: Annotated[int, Field(ge=100, le=599)] = 200
    hint: str | None = None


class MongoCheck(Record):
    """A MongoDB is up when it answers `ping`.

    Attributes:
        uri: Its address.
        hint: What to look at when it is down.
    """

    kind: Literal["mongodb"]
    uri: str
    hint: str | None = None


class TcpCheck(Record):
    """A service is up when its port takes a connection.

    Attributes:
        service: Whose address; only its host and port count.
        hint: What to look at when it is down.
    """

    kind: Literal["tcp"]
    service: Name
    hint: str | None = None


Check = Annotated[HttpCheck | MongoCheck | TcpCheck, Field(discriminator="kind")]


def hint_of(check: Check) -> str:
    """What to look at when a check fails."""
    if check.hint is not None:
        return check.hint
    match check:
        case HttpCheck() | TcpCheck():
            return f"is '{check.service}' running? its log says why not"
        case MongoCheck():
            return "is MongoDB running, and its address the right one?"
        case _:
            assert_never(check)


class Readings(Record):
    """What is read from a service's Prometheus text.

    Attributes:
        path: Where the text is.
        read: The series by our name for it, added up over the labels that it does not name, as in
            `requests_total{method="POST"}`. Of gauges, `queue_depth` has an alert.
    """

    path: UrlPath = "/metrics"
    read: Annotated[dict[GaugeName, Series], Field(min_length=1)]


class Limits(Record):
    """From where on there is an alert.

    Attributes:
        memory_ratio: Share of its limit that a service, or the machine, has in use.
        error_ratio: Share of requests that failed in a window.
        error_window_s: Length of that window; a shorter run is one window.
        queue_depth: Requests that wait.
        slow_s: Seconds that a request takes.
        success_ratio: Share of all requests that succeeded; an alert below it.
    """

    memory_ratio: Ratio = 0.8
    error_ratio: Ratio = 0.05
    error_window_s: Annotated[PositiveDuration, Field(alias="error_window")] = 300.0
    queue_depth: Annotated[int, Field(ge=0)] = 100
    slow_s: Annotated[PositiveDuration, Field(alias="slow")] = 30.0
    success_ratio: Ratio = 0.95


def selector(series: str) -> tuple[str, dict[str, str]]:
    """`requests_total{method="POST"}` → `("requests_total", {"method": "POST"})`."""
    name, _, labels = series.partition("{")
    return name, dict(re.findall(_LABEL, labels))
