"""The transport's section of the page."""

import statistics

from benchmarks.engine.page import table

from .contenders import OURS
from .session import Key, Results
from .targets import reached

# By measure: title, explanation, and the title and digits of each number.
_TABLES: dict[str, tuple[str, str, dict[str, tuple[str, int]]]] = {
    "rate": (
        "Requests per second",
        "{users} keep-alive connections, a small JSON response, no think time; the client has one core.",
        {"rps": ("requests/s", 0), "us_cpu": ("CPU per request, µs", 1)},
    ),
    "streams": (
        "Streams",
        (
            "{users} VUs request one stream after the other: "
            "50 tokens at 200 tokens/s, the first after 50 ms.\n"
            "`of ideal` is the number of finished streams, in percent of the possible number."
        ),
        {
            "first_p50_ms": ("first token p50, ms", 3),
            "first_p99_ms": ("first token p99, ms", 3),
            "token_p99_ms": ("any token p99, ms", 3),
            "us_cpu": ("CPU per token, µs", 1),
            "ideal_pct": ("of ideal, %", 2),
        },
    ),
    "burst": (
        "Simultaneous requests",
        (
            "{users} requests start at the same time on open connections.\n"
            "The server sends the first token 100 ms after it has read a request; "
            "the reported time counts from the common start."
        ),
        {"stamp_p95_ms": ("first token p95, ms", 2), "reported_p95_ms": ("reported, less 100 ms, p95", 2)},
    ),
    "flood": (
        "Tokens at full speed",
        (
            "{users} streams without delays between tokens; each token is an event and a chunk of its own.\n"
            "Only the reader parses the JSON; the others count the events in the bytes."
        ),
        {"tokens_per_s": ("tokens/s", 0)},
    ),
    "lag": (
        "Send lag",
        (
            "An open loop of 500 requests/s with random arrivals: "
            "the time from the planned start until the kernel has the complete request.\n"
            "Ours waits with a timerfd, as the load generator does (`bench/timing/pacing.py`); "
            "`asyncio.sleep` waits for whole milliseconds."
        ),
        {"p50_ms": ("p50, ms", 3), "p99_ms": ("p99, ms", 3)},
    ),
    "memory": (
        "Memory",
        (
            "Resident memory per VU, of {users} VUs that sent one request and keep their connection.\n"
            "In the whole load generator, the VUs are in their think time."
        ),
        {"kb": ("kB", 1)},
    ),
}


def transport_section(results: Results) -> str:
    """Return the section's Markdown."""
    parts = [table(["fact", "value"], [[name, value] for name, value in results.facts.items()], ":---")]
    parts += [_targets(results), *(_measure(results, key) for key in results.rounds)]
    parts += [_machine(results), _profiles(results)]
    return "\n".join(parts)


def _targets(results: Results) -> str:
    rows = []
    missed = list[str]()
    for target in reached(results):
        verdict = "not measured" if target.value is None else "reached" if target.ok else "**missed**"
        rows.append([target.what, target.bound, _short(target.value), _short(target.best), verdict])
        if target.value is not None and not target.ok:
            missed.append(f"- **{target.what}**: {target.limit}\n")
    text = "### Goals and results\n\n" + table(["number", "goal", "median", "best round", "result"], rows)
    return text + ("\nReasons for the missed goals:\n\n" + "".join(missed) if missed else "")


def _short(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value > 1000 else f"{value:.2f}"  # noqa: PLR2004 - only how it looks


def _measure(results: Results, key: Key) -> str:
    measure, users = key.split()
    title, explanation, numbers = _TABLES[measure]
    head = [f"{users} VUs"]
    for label, _ in numbers.values():
        head += [label, "ratio"]
    rows = []
    for contender in results.rounds[key]:
        cells = [contender]
        for number, (_, digits) in numbers.items():
            ratio = results.ratio(key, contender, number)
            cells += [_spread(results.values(key, contender, number), digits)]
            cells += ["" if ratio is None or contender == OURS else f"{ratio:.2f}"]
        rows.append(cells)
    return f"### {title}: {users} VUs\n\n{explanation.format(users=users)}\n\n{table(head, rows)}"


def _spread(values: list[float], digits: int) -> str:
    if not values:
        return ""
    low, middle, high = (
        f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values))
    )
    return f"{middle} ({low} to {high})"


def _machine(results: Results) -> str:
    rows = []
    for key, rounds in results.hiccups.items():
        cells = [_spread([numbers[name] for numbers in rounds], 2) for name in rounds[0]]
        rows.append([key, *cells])
    head = ["before the rounds of", "delay at a random time, p99, ms", "longest delay, ms", "time lost, %"]
    return (
        "### Disturbance by the machine\n\n"
        "A loop on the clients' core reads only the clock, before each round.\n"
        "The time that it loses to other processes is also lost for the clients.\n\n" + table(head, rows)
    )


def _profiles(results: Results) -> str:
    text = (
        "### Profile\n\nMeasured with cProfile, on asyncio's own loop, without waiting time.\n"
        "cProfile makes calls slower than they are, so use the order and not the exact shares.\n"
    )
    for title, shares in results.profiles.items():
        rows = [[f"`{name}`", f"{share * 100:.0f} %"] for name, share in shares.items()]
        text += f"\n{table([f'{title}', 'own time'], rows)}"
    return text
