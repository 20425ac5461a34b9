"""Outcomes of requests, and samples of everything around them: resources, probes, gauges, the end of a run.

All `_s` values are seconds since the start of the run, on one monotonic clock.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from bench.core.values.record import Record


class Outcome(StrEnum):
    """How a request ended; docs/reference/outcomes.md is written from this table."""

    OK = "ok"
    """The response is the expected one. An expected refusal, such as status 400, counts as `ok`."""
    HTTP_ERROR = "http_error"
    """The status, or the status in an error that the response reports, differs from the expected one.
    Redirects count too, because `bench` does not follow them."""
    RATE_LIMITED = "rate_limited"
    """The status is 429, or the response reports an error with this status."""
    UNAUTHORIZED = "unauthorized"
    """The status is 401, or the response reports an error with this status."""
    REPORTED_ERROR = "reported_error"
    """The response reports an error without a status, such as `error` in its JSON, although its own status is
    one of success."""
    TIMEOUT = "timeout"
    """The response was not complete within `request_timeout`: no bytes, slow bytes, or no end."""
    CONNECT_FAILED = "connect_failed"
    """No connection was opened. The detail is `connect_failed`, `name_failed` or `tls_failed`."""
    BAD_STREAM = "bad_stream"
    """The response does not have the declared form. The detail is `reset` (closed early), `too_large` (above
    16 MiB) or `bad_stream`: incomplete, a wrong length, no HTTP, an encoding that was not requested, no JSON,
    or a stream without its end."""
    WRONG_CONTENT = "wrong_content"
    """The response differs from `expect` of the message; without `expect`, it has no text."""
    DROPPED = "dropped"
    """`max_vus` requests of an open loop were in progress when this request was due."""
    CUT_OFF = "cut_off"
    """The request had no complete response when `graceful_stop` ended after its phase. Its response time is
    longer than the time that it waited."""
    CANCELLED = "cancelled"
    """The scenario cancelled the request as planned, or the run ended early. It is excluded from all
    metrics."""
    NOT_SENT = "not_sent"
    """The load generator could not send the request. The detail is `open_files`, `system_files`, `ports`,
    `memory`, `proxy` or `firewall`. It is excluded from all metrics, and makes the run invalid."""


EXCLUDED_OUTCOMES = frozenset({Outcome.CANCELLED, Outcome.NOT_SENT})
"""Outcomes of requests that the load generator ended or never sent: they do not describe the target."""
CENSORED_OUTCOMES = (Outcome.TIMEOUT, Outcome.CUT_OFF)
"""Outcomes of requests that `bench` ended while they waited: their times are longer than the wait."""


class Culprit(StrEnum):
    """The part that caused the failure of a request."""

    TARGET = "target"
    """The target: it refused the connection, or its response was late, incomplete or wrong."""
    NETWORK = "network"
    """The network between: no route to the address, or no address for the name."""
    GENERATOR = "generator"
    """The load generator's own machine: too few files, ports or memory, or a proxy that is set up wrongly."""


class GeneratorFault(StrEnum):
    """Why the load generator could not send a request: the first word of the detail."""

    OPEN_FILES = "open_files"
    """Its limit of open files was reached; each connection is one."""
    SYSTEM_FILES = "system_files"
    """The limit of open files of the whole machine was reached."""
    PORTS = "ports"
    """All local ports for connections to this address were in use."""
    MEMORY = "memory"
    """The kernel had no memory for the connection."""
    PROXY = "proxy"
    """The proxy that the environment names did not connect."""
    FIREWALL = "firewall"
    """A rule of this machine forbids the connection."""


class ResourceSample(Record):
    """Resources that a service, a load generator or the machine uses at one moment. Unknown is null."""

    at_s: float
    """Time of the reading."""
    source: str
    """Name of the service, `generator` for the load generator, or `host` for the machine."""
    cpu_pct: float
    """CPU time since the previous sample, in per cent of one core; for the machine, of all cores."""
    memory_bytes: int | None
    """Resident set size of a process and its children, working set of a container, memory in use of the
    machine."""
    memory_limit_bytes: int | None = None
    """Memory limit of the source."""
    received_bytes: int | None = None
    """Bytes received from the network since the source started."""
    sent_bytes: int | None = None
    """Bytes sent to the network since the source started."""
    read_bytes: int | None = None
    """Bytes read from disks since the source started."""
    written_bytes: int | None = None
    """Bytes written to disks since the source started."""
    restarts: int | None = None
    """Number of restarts of the service's container."""
    oom_kills: int | None = None
    """Number of the service's processes that the kernel killed because memory ran out."""
    throttled_ms: int | None = None
    """Time that the source waited because its CPU quota was used up, since it started."""


class Probe(Record):
    """The result of one health check at one moment."""

    at_s: float
    """Start of the check."""
    check: str
    """Name of the check in the stack file."""
    up: bool
    """Whether the response was the expected one."""
    took_ms: float | None = None
    """Duration until the response; null if there was none."""
    detail: str | None = None
    """Explanation of a failure; null if the check passed."""


class GaugeSample(Record):
    """A value that a service reports about itself at one moment."""

    at_s: float
    """Time of the reading."""
    service: str
    """Name of the service."""
    name: str
    """Name of the gauge in the stack file, such as `queue_depth`."""
    value: float
    """The value, in the service's own unit."""


QUEUE_DEPTH = "queue_depth"
"""Gauge of the waiting requests of a service; it has an alert."""
GENERATOR = "generator"
HOST = "host"
_GENERATORS = re.compile(rf"{GENERATOR}(-[0-9]+)?")


def is_generator(source: str) -> bool:
    """Return whether a source is a load generator: `generator`, `generator-2` and so on."""
    return _GENERATORS.fullmatch(source) is not None


def generator_source(number: int) -> str:
    """Return the name of a load generator: that of number 0 is `generator`, the next is `generator-2`."""
    return f"{GENERATOR}-{number + 1}" if number else GENERATOR


def generator_number(source: str) -> int:
    """Return the number of a load generator, from 0, by its name among the resources."""
    _, _, number = source.partition("-")
    return int(number) - 1 if number else 0


@dataclass(frozen=True, slots=True)
class Stall:
    """A time in which a load generator did not run, although it should have."""

    at_s: float
    """Start of the pause."""
    length_s: float
    """Length of the pause in seconds."""


class StopCause(StrEnum):
    """What ended a run before its plan did."""

    THRESHOLD = "threshold"
    """A threshold with `abort_on_fail` failed."""
    INTERRUPT = "interrupt"
    """SIGINT, SIGTERM, SIGHUP or SIGQUIT: Ctrl-C, a cancelled CI job, or a closed terminal. Or the process of
    the run was killed, and `bench recover` finished the run."""
    TARGET = "target"
    """A process or container of the stack ended."""
    GENERATOR = "generator"
    """A load generator process ended, or gave no sign of life."""


class Stop(Record):
    """The reason why a run ended before its plan did."""

    cause: StopCause
    """What ended the run."""
    reason: str
    """The reason in a sentence."""
    log: tuple[str, ...] = ()
    """The last lines of the log of the service that ended, if they are known."""
