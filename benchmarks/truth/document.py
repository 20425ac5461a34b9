"""The truth table's section of the page."""

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.engine.page import table

from .measure import LEVELS, Errors, Truth, median_of
from .tools import QUANTILES

_HEAD = [f"p{quantile:g}" for quantile in QUANTILES[:-1]] + ["max"]
_GOALS_MS = {"200": 1.0, "1000": 3.0}


def truth_section(truth: Truth) -> str:
    """Return the section's Markdown."""
    facts = [[name, value] for name, value in truth.facts.items()]
    parts = [table(["fact", "value"], facts, ":---"), _summary(truth)]
    for streams in LEVELS:
        errors = truth.errors.get(str(streams.users), {})
        title = f"### {streams.users:,} streams, {streams.requests:,} responses\n"
        parts += [title, _quantity("first token, ms", errors, "first_token")]
        parts += [_quantity("complete response, ms", errors, "total")]
    parts += [_requests(truth), _problems(truth)]
    return "\n".join(part for part in parts if part)


def _summary(truth: Truth) -> str:
    """Return the largest error of each tool over all percentiles but the maximum."""
    names = list(dict.fromkeys(name for errors in truth.errors.values() for name in errors))
    rows = []
    for name in names:
        cells = [_largest(errors[name]) if name in errors else "" for errors in truth.errors.values()]
        rows.append([name, *cells])
    head = ["tool", *(f"{int(users):,} streams" for users in truth.errors)]
    text = (
        "Largest error of a reported percentile, p50 to p99, of first token and complete response, in ms:\n\n"
    )
    return text + table(head, rows)


def _largest(errors: Errors) -> str:
    medians = []
    for values in (errors.first_token, errors.total):
        medians += [statistics.median(values[key]) for key in values if key != "100"]
    return f"{max(medians, key=abs):+.1f}" if medians else "failed"


def _quantity(title: str, errors: Mapping[str, Errors], name: str) -> str:
    rows = []
    for tool, kept in errors.items():
        values: dict[str, list[float]] = getattr(kept, name)
        rows.append([tool, *_cells(values, "+.1f")])
    return table([title, *_HEAD], rows)


def _cells(values: Mapping[str, Sequence[float]], form: str) -> list[str]:
    cells = []
    for quantile in QUANTILES:
        median = median_of(list(values.get(f"{quantile:g}", [])))
        cells.append("" if median is None else format(median, form))
    return cells


def _requests(truth: Truth) -> str:
    """Return the errors of single requests of `bench`, with their goals."""
    rows = []
    for users, values in truth.request_errors.items():
        bound_ms = _GOALS_MS.get(users)
        p99_ms = median_of(values.get("99", []))
        verdict = ""
        if bound_ms is not None and p99_ms is not None:
            verdict = "reached" if p99_ms <= bound_ms else "**missed**"
        goal = "" if bound_ms is None else f"p99 ≤ {bound_ms:g} ms"
        rows.append([f"{int(users):,} streams", *_cells(values, ".2f"), goal, verdict])
    text = (
        "### Error of each response of bench\n\n"
        "Difference between the reported and the true time to first token of each response, in ms.\n\n"
    )
    return text + table(["bench", *_HEAD, "goal", "result"], rows)


def _problems(truth: Truth) -> str:
    lines = []
    for users, tools in truth.errors.items():
        for name, errors in tools.items():
            if errors.problem is not None:
                lines.append(
                    f"- {users} streams, {name}: `{errors.problem.strip().splitlines()[-1][:200]}`\n"
                )
    return "### Tools that did not finish\n\n" + "".join(lines) if lines else ""
