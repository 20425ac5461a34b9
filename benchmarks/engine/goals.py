"""Goals of the whole tool, and the reason for a missed goal."""

from collections.abc import Iterator
from dataclasses import dataclass

from .loads import Tool
from .session import Rounds

_PROFILE = "the profile below shows the share of each function."
_UNDISTURBED_PCT = 90
_FULL_SPEED = (
    "bench used {tool:.0f} % of its core and the server {server:.0f} % of the other; "
    "the one with 100 % is the limit."
)
_SHARED_CORES = (
    "two workers, the server and the main process share two cores here;\n  "
    "with free cores, the factor is twice the ratio of CPU time per request: {factor}."
)
_ONE_WRITE = "tokens at full speed, one write each"
_JOINED = "tokens at full speed, one write each, joined by the kernel"
_ONE_WORKER = "50 users, both cores, one worker"
_TWO_WORKERS = "50 users, both cores, two workers"
_MEMORY = "5,000 users, think time 2 s"
_DEFAULT = "50 users, default options"


@dataclass(frozen=True)
class Goal:
    """One number compared with its goal."""

    name: str
    bound: str
    value: str
    """The median as text; empty if a tool was missing."""
    reached: bool
    reason: str
    """Reason if the goal is missed."""


def goals(rounds: Rounds) -> Iterator[Goal]:
    """Yield every row of the table of goals."""
    for users in (50, 200):
        yield _requests(rounds, f"{users} users")
    for users in (50, 200):
        row = f"{users} users"
        yield _times(rounds, row, Tool.LOCUST, 5)
        yield _times(rounds, row, Tool.K6_CHECKS, 3)
    for row in ("50 users, TLS", "50 users, closing connections", "10 users, responses of 1 MB"):
        yield _times(rounds, row, Tool.HEY, 1)
    arrival = "CPU time of an open arrival at 2,000/s"
    yield _at_most(rounds, arrival, "open loop, 2,000/s", "us_cpu", 60, "µs", _PROFILE)
    yield _tokens(rounds)
    yield _at_most(rounds, "command to first request", _DEFAULT, "start_s", 0.5, "s", "imports of Python.")
    after = "the tool reads and summarises all samples, and calibrates again."
    yield _at_most(rounds, "last response to the end of the command", _DEFAULT, "finish_s", 0.5, "s", after)
    memory = "each process imports its packages."
    yield _at_most(rounds, "memory of all processes, 5,000 users", _MEMORY, "memory_mb", 150, "MB", memory)
    yield _workers(rounds)


def _requests(rounds: Rounds, row: str) -> Goal:
    rate = rounds.median(row, Tool.BENCH, "rps")
    ratio = rounds.ratio(row, "rps", Tool.BENCH, Tool.HEY)
    reached = (rate or 0) >= 60_000 or (ratio or 0) >= 1.8  # noqa: PLR2004 - the goal
    parts = [f"{rate:,.0f}/s" if rate else "", f"{ratio:.2f} times hey" if ratio else ""]
    parts.append(_of_cpu_time(rounds, row, Tool.HEY))
    value = ", ".join(part for part in parts if part)
    name = f"requests/s on one core, {row}"
    return Goal(name, "≥ 60,000/s or 1.8 times hey", value, reached, _reason(rounds, row))


def _times(rounds: Rounds, row: str, tool: Tool, bound: float) -> Goal:
    ratio = rounds.ratio(row, "rps", Tool.BENCH, tool)
    parts = [] if ratio is None else [f"{ratio:.2f} times", _of_cpu_time(rounds, row, tool)]
    name = f"requests/s compared with {tool}, {row}"
    reached = ratio is not None and ratio >= bound
    return Goal(name, f"≥ {bound:g} times", ", ".join(parts), reached, _reason(rounds, row))


def _of_cpu_time(rounds: Rounds, row: str, tool: Tool) -> str:
    """Return the ratio of requests in the same CPU time; a busy machine changes it less than the rate."""
    ratio = rounds.ratio(row, "us_cpu", tool, Tool.BENCH)
    return f"{ratio:.2f} times in the same CPU time" if ratio else ""


def _reason(rounds: Rounds, row: str) -> str:
    share_pct = rounds.median(row, Tool.BENCH, "tool_pct") or 100
    if share_pct >= _UNDISTURBED_PCT:
        return _PROFILE
    return f"other jobs used the machine: bench had only {share_pct:.0f} % of its core;\n  {_PROFILE}"


def _at_most(  # noqa: PLR0913, PLR0917 - a row of a table has as many parameters as columns
    rounds: Rounds, name: str, row: str, number: str, bound: float, unit: str, reason: str
) -> Goal:
    value = rounds.median(row, Tool.BENCH, number)
    text = "" if value is None else f"{value:.2f} {unit}" if value < 10 else f"{value:,.0f} {unit}"  # noqa: PLR2004 - only how it looks
    return Goal(name, f"≤ {bound:g} {unit}", text, value is not None and value <= bound, reason)


def _tokens(rounds: Rounds) -> Goal:
    separate = rounds.median(_ONE_WRITE, Tool.BENCH, "tokens_per_s")
    joined = rounds.median(_JOINED, Tool.BENCH, "tokens_per_s")
    reached = max(separate or 0, joined or 0) >= 800_000  # noqa: PLR2004 - the goal
    parts = [f"{separate:,.0f}/s" if separate else "", f"{joined:,.0f}/s joined" if joined else ""]
    value = ", ".join(part for part in parts if part)
    tool_pct = rounds.median(_ONE_WRITE, Tool.BENCH, "tool_pct") or 0
    server_pct = rounds.median(_ONE_WRITE, Tool.BENCH, "server_pct") or 0
    reason = _FULL_SPEED.format(tool=tool_pct, server=server_pct)
    return Goal("tokens/s at full speed, a write for each token", "≥ 800,000/s", value, reached, reason)


def _workers(rounds: Rounds) -> Goal:
    bound = 1.9
    name = "two workers compared with one"
    one = rounds.median(_ONE_WORKER, Tool.BENCH, "rps")
    two = rounds.median(_TWO_WORKERS, Tool.BENCH, "rps")
    one_us = rounds.median(_ONE_WORKER, Tool.BENCH, "us_cpu")
    two_us = rounds.median(_TWO_WORKERS, Tool.BENCH, "us_cpu")
    if not (one and two and one_us and two_us):
        return Goal(name, f"≥ {bound} times", "", reached=False, reason="")
    reason = _SHARED_CORES.format(factor=f"{2 * one_us / two_us:.2f}")
    return Goal(name, f"≥ {bound} times", f"{two / one:.2f} times", two / one >= bound, reason)
