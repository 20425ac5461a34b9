"""The loads that all tools send, and the tools that take part in each."""

from dataclasses import dataclass
from enum import StrEnum


class Tool(StrEnum):
    """A complete load generator, as a user runs it."""

    BENCH = "bench"
    HEY = "hey"
    WRK = "wrk"
    VEGETA = "vegeta"
    OHA = "oha"
    K6 = "k6"
    K6_CHECKS = "k6 with checks"
    LOCUST = "Locust"
    LOCUST_CHECKS = "Locust with checks"

    @property
    def program(self) -> str:
        """Name of the tool's program."""
        return self.value.split()[0].lower()


@dataclass(frozen=True)
class Load:
    """Requests to one path of the server: a closed loop of users, or an open loop at a rate."""

    path: str = "/json"
    users: int = 50
    rate: int | None = None
    """Requests per second of an open loop."""
    tls: bool = False
    think_time_s: float = 0
    with_calibration: bool = False
    """Whether `bench` calibrates itself before and after the load, which is its default."""
    workers: int = 1
    """Processes of `bench` that generate load."""
    is_stream: bool = False
    """Whether the server sends events instead of one JSON document."""


@dataclass(frozen=True)
class Row:
    """A load with its tools, and the length of its measurement."""

    name: str
    load: Load
    tools: tuple[Tool, ...]
    seconds: float = 2.0
    two_cores: bool = False
    """Whether the tool may use the server's core too."""
    measures_memory: bool = False


_CLOSED = tuple(Tool)
_OPEN = (Tool.BENCH, Tool.VEGETA, Tool.OHA, Tool.K6, Tool.K6_CHECKS)
_PLAIN = (Tool.BENCH, Tool.HEY, Tool.WRK, Tool.VEGETA, Tool.OHA, Tool.K6, Tool.LOCUST)
_TOKENS = 4_000

ROWS = (
    Row("1 user", Load(users=1), _CLOSED),
    *(Row(f"{users:,} users", Load(users=users), _CLOSED) for users in (50, 200, 1000)),
    Row("50 users, TLS", Load(tls=True), _PLAIN),
    Row("50 users, closing connections", Load(path="/closing"), _PLAIN),
    Row("10 users, responses of 1 MB", Load(path="/large", users=10), _PLAIN),
    *(Row(f"open loop, {rate:,}/s", Load(rate=rate), _OPEN, seconds=3.0) for rate in (100, 500, 2000)),
    Row(
        "tokens at full speed, one write each",
        Load(path=f"/writes?tokens={_TOKENS}", is_stream=True),
        (Tool.BENCH, Tool.WRK, Tool.HEY),
    ),
    Row(
        "tokens at full speed, one write each, joined by the kernel",
        Load(path=f"/writes?tokens={_TOKENS}&nagle=1", is_stream=True),
        (Tool.BENCH, Tool.WRK, Tool.HEY),
    ),
    Row(
        "tokens at full speed, 100 in a write",
        Load(path=f"/flood?tokens={_TOKENS}", is_stream=True),
        (Tool.BENCH, Tool.WRK, Tool.HEY),
    ),
    Row(
        "5,000 users, think time 2 s",
        Load(users=5000, think_time_s=2),
        (Tool.BENCH, Tool.K6, Tool.LOCUST),
        seconds=4.0,
        measures_memory=True,
    ),
    Row("50 users, default options", Load(with_calibration=True), (Tool.BENCH,)),
    Row("50 users, both cores, one worker", Load(), (Tool.BENCH,), two_cores=True),
    Row("50 users, both cores, two workers", Load(workers=2), (Tool.BENCH,), two_cores=True),
)
