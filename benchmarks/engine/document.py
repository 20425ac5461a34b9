"""The whole tool's section of the page."""

import statistics
from collections.abc import Sequence

from benchmarks.engine.page import table

from .goals import goals
from .loads import ROWS, Row, Tool
from .session import Rounds

_CLOSED = {"rps": ("requests/s", 0), "us_cpu": ("CPU per request, µs", 1)}
_TOKENS = {"tokens_per_s": ("tokens/s", 0), "us_per_token": ("CPU per token, µs", 2)}
_USE = {"tool_pct": ("core of the tool, %", 0), "server_pct": ("core of the server, %", 0)}
_TIMES = {"start_s": ("command to first request, s", 2), "finish_s": ("last response to end, s", 2)}


def whole_tool_section(rounds: Rounds, facts: dict[str, str]) -> str:
    """Return the section's Markdown."""
    parts = [
        table(["fact", "value"], [[name, value] for name, value in facts.items()], ":---"),
        _goals(rounds),
        _overview(rounds),
        *(_row(rounds, row) for row in ROWS if row.name in rounds.rows),
        _problems(rounds),
    ]
    return "\n".join(part for part in parts if part)


def _goals(rounds: Rounds) -> str:
    rows = []
    reasons = []
    for goal in goals(rounds):
        verdict = "reached" if goal.reached else "**missed**" if goal.value else "not measured"
        rows.append([goal.name, goal.bound, goal.value, verdict])
        if goal.value and not goal.reached:
            reasons.append(f"- **{goal.name}**: {goal.reason}\n")
    text = "### Goals\n\n" + table(["number", "goal", "median", "result"], rows)
    return text + ("\nReasons for the missed goals:\n\n" + "".join(reasons) if reasons else "")


def _overview(rounds: Rounds) -> str:
    """Return the numbers of `bench`, and those of each tool compared with it."""
    rates = (
        "### Requests per second, all tools\n\n"
        "The rate of `bench`, and that of each tool as a multiple of it; empty: the tool took no part.\n\n"
    )
    times = (
        "### CPU time per request, all tools\n\n"
        "The CPU time of `bench`, and that of each tool as a multiple: above 1, the tool needs more.\n\n"
    )
    return rates + _compared(rounds, "rps", "/s") + "\n" + times + _compared(rounds, "us_cpu", " µs")


def _compared(rounds: Rounds, number: str, unit: str) -> str:
    peers = [tool for tool in Tool if tool is not Tool.BENCH]
    rows = []
    for row in ROWS:
        median = rounds.median(row.name, Tool.BENCH, number)
        if median is None or row.load.is_stream or len(row.tools) == 1:
            continue
        ratios = [rounds.ratio(row.name, number, tool, Tool.BENCH) for tool in peers]
        cells = ["" if ratio is None else f"{ratio:.2f}" for ratio in ratios]
        rows.append([row.name, f"{median:,.0f}{unit}", *cells])
    return table(["load", "bench", *peers], rows)


def _row(rounds: Rounds, row: Row) -> str:
    numbers = _TOKENS if row.load.is_stream else _CLOSED
    numbers = {**numbers, **_USE, **_TIMES}
    if row.measures_memory:
        numbers["memory_mb"] = ("memory, MB", 0)
    tools = [tool for tool in row.tools if tool in rounds.rows[row.name]]
    rows = []
    for tool in tools:
        cells = [
            _spread(rounds.values(row.name, tool, number), digits) for number, (_, digits) in numbers.items()
        ]
        rows.append([tool, *cells])
    return f"### {row.name}\n\n" + table([row.name, *(title for title, _ in numbers.values())], rows)


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return ""
    numbers = (statistics.median(values), min(values), max(values))
    middle, low, high = (f"{value:,.{digits}f}" for value in numbers)
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def _problems(rounds: Rounds) -> str:
    if not rounds.problems:
        return ""
    lines = [
        f"- {name}: `{problem.strip().splitlines()[-1][:200]}`\n" for name, problem in rounds.problems.items()
    ]
    return "### Tools that did not finish\n\n" + "".join(lines)
