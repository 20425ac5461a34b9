"""Words the result as Markdown."""

import statistics
from pathlib import Path

from .contenders import OURS
from .session import Key, Results
from .targets import reached

_METHOD = Path(__file__).with_name("method.md")
# By measure: title, explanation, and the title and digits of each number.
_TABLES: dict[str, tuple[str, str, dict[str, tuple[str, int]]]] = {
    "rate": (
        "Requests per second",
        "{users} keep-alive connections, a small JSON answer, no pauses; the client has one core.",
        {"rps": ("requests/s", 0), "us_cpu": ("CPU per request, µs", 1)},
    ),
    "streams": (
        "Streams",
        (
            "{users} users with a stream of 50 tokens each at 200 tokens/s, the first after 50 ms, "
            "and the next; `of ideal` is how many streams they got through, of those possible."
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
        "All at once",
        (
            "{users} requests in the same instant on open connections, each with its first token 100 ms "
            "after the server has read it; the reported time counts from that instant."
        ),
        {"stamp_p95_ms": ("first token p95, ms", 2), "reported_p95_ms": ("reported, less 100 ms, p95", 2)},
    ),
    "flood": (
        "Tokens as fast as they come",
        (
            "{users} streams, each token an event and a chunk of its own; "
            "all but the reader count the events in the bytes and read no JSON."
        ),
        {"tokens_per_s": ("tokens/s", 0)},
    ),
    "lag": (
        "Send lag",
        (
            "An open loop of 500 requests/s at random: from the planned moment until the kernel has it all.\n"
            "Ours waits by a timerfd, as the engine does (`bench/measure/machine/pacing.py`); "
            "`asyncio.sleep` waits for whole milliseconds."
        ),
        {"p50_ms": ("p50, ms", 3), "p99_ms": ("p99, ms", 3)},
    ),
    "memory": (
        "Memory",
        (
            "Resident memory of each of {users} users that have asked once and keep their connection; "
            "of the whole load generator, virtual users in a pause."
        ),
        {"kb": ("kB", 1)},
    ),
}


def document(results: Results) -> str:
    """The whole page."""
    parts = [_METHOD.read_text(encoding="utf-8")]
    parts += [_table(["what", "which"], [[name, value] for name, value in results.facts.items()], ":---")]
    parts += [_targets(results), *(_measure(results, key) for key in results.rounds)]
    parts += [_million(results), _machine(results), _profiles(results)]
    return "\n".join(parts)


def _targets(results: Results) -> str:
    rows, missed = [], list[str]()
    for target in reached(results):
        verdict = "not measured" if target.value is None else "reached" if target.ok else "**missed**"
        rows.append([target.what, target.bound, _short(target.value), _short(target.best), verdict])
        if target.value is not None and not target.ok:
            missed.append(f"- **{target.what}**: {target.limit}\n")
    text = "## What is reached\n\n" + _table(["number", "to reach", "median", "best round", ""], rows)
    return text + ("\nWhat limits those that are missed:\n\n" + "".join(missed) if missed else "")


def _short(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value > 1000 else f"{value:.2f}"  # noqa: PLR2004 - only how it looks


def _measure(results: Results, key: Key) -> str:
    measure, users = key.split()
    title, explanation, numbers = _TABLES[measure]
    head = [f"{users} users"]
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
    return f"## {title}: {users}\n\n{explanation.format(users=users)}\n\n{_table(head, rows)}"


def _spread(values: list[float], digits: int) -> str:
    if not values:
        return ""
    low, middle, high = (
        f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values))
    )
    return f"{middle} ({low} to {high})"


def _million(results: Results) -> str:
    numbers = results.million
    rows = [
        ["requests, all answered", f"{numbers['requests']:,.0f}"],
        ["requests/s, the watcher on the same core", f"{numbers['rps']:,.0f}"],
        ["the run, s", f"{numbers['run_s']:.1f}"],
        ["the command, with its certificate, summary and files, s", f"{numbers['all_s']:.1f}"],
        ["load generator, most memory, MB", f"{numbers['generator_mb']:.0f}"],
        ["watcher, most memory, MB", f"{numbers['watcher_mb']:.0f}"],
        ["files, MB", f"{numbers['written_mb']:.0f}"],
    ]
    return (
        "## A million requests\n\nThe command `bench run`, 50 users without pauses, the C server: "
        "load generator and watcher are two processes, the samples stay in the watcher's columns until they "
        "are written.\n\n" + _table(["what", "measured"], rows)
    )


def _machine(results: Results) -> str:
    rows = []
    for key, rounds in results.hiccups.items():
        cells = [_spread([numbers[name] for numbers in rounds], 2) for name in rounds[0]]
        rows.append([key, *cells])
    head = ["before the rounds of", "late at a random moment, p99, ms", "longest, ms", "time taken, %"]
    return (
        "## What the machine took\n\nA loop that only reads the clock, on the clients' core before each "
        "round: what others take from it is taken from the clients too.\n\n" + _table(head, rows)
    )


def _profiles(results: Results) -> str:
    text = (
        "## Where the time goes\n\nBy cProfile, on the loop of asyncio, without the waiting; "
        "it makes calls dearer than they are, so read it as an order and not as shares.\n"
    )
    for title, shares in results.profiles.items():
        rows = [[f"`{name}`", f"{share * 100:.0f} %"] for name, share in shares.items()]
        text += f"\n{_table([f'{title}', 'own time'], rows)}"
    return text


def _table(head: list[str], rows: list[list[str]], side: str = "---:") -> str:
    lines = [head, [":---", *[side] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
