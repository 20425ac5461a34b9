"""The cells of the tables: a world, a change, the design of the measurement, and the required rates."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from .world import FAST, REFUSED, WEIGHTED, Change, Follows, Noise


class Design(StrEnum):
    """How the versions are measured and judged."""

    CHECK = "check"
    """One run against ten baseline runs, and a second run if it looks worse: `bench check`."""
    TRACE = "trace"
    """The same, with the runs of a real trace."""
    PAIRS = "pairs"
    """Base and head alternately on one machine, until the rule stops: `bench ab`."""
    SUITE = "suite"
    """The same for seven scenarios; the change is in one of them."""
    ACCEPTED = "accepted"
    """A changed run was accepted; the same version is checked again."""
    UNDONE = "undone"
    """A changed run was accepted; a version without the change is checked."""
    DETECTABLE_CHECK = "detectable, check"
    """An unchanged check reports a detectable change; a change of this size is checked."""
    DETECTABLE_PAIRS = "detectable, pairs"
    """The same with pairs."""
    MERGES = "merges"
    """Twelve merges, each with the change, judged by a rolling baseline and by a pinned one as well."""


SEVERAL = 7
"""Number of scenarios of a suite."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the tables."""

    title: str
    """Name of the row."""
    design: Design
    """How the versions are measured."""
    noise: Noise
    """The machines and disturbances."""
    change: Change
    """What the new version changes."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A required rate of a cell."""

    row: str
    """Row of the table of required rates."""
    cell: str
    """Title of the cell."""
    rate: str
    """The measured rate: `worse`, `inconclusive`, `pass`, `verdict` or `pairs`."""
    low: float = 0.0
    """Smallest allowed value."""
    high: float = math.inf
    """Largest allowed value."""


# Kinds of processor of hosted runners, on the log scale: the fastest, 12 % and 22 % slower.
_KINDS = (0.0, 0.113, 0.2)
HOSTED = Noise(processors=_KINDS, run_sd=0.025, workload_sd=0.03, outlier_ratio=0.05, outlier_factor=1.15)
"""Hosted runners with the residuals of the real traces: without the machine, runs differ by 1 to
4.5 %, and 3 to 8 % of them are outliers of 6 to 30 %."""
NOISY = Noise(processors=_KINDS, run_sd=0.033, workload_sd=0.045)
"""Hosted runners whose runs and reference workload differ by more than those of the traces."""
_QUIET = Noise(machine_sd=0.027)
_LONG = (10, 11, 12)
_BUSY = (0, 1, 2, 3)


def _hosted(**changes: object) -> Noise:
    """Return hosted runners with other disturbances."""
    return replace(HOSTED, **changes)  # type: ignore[arg-type]


def _worse(factor: float) -> Change:
    return Change(factor=factor)


_SAME = Change()
_UNCHANGED_PAIRS: dict[str, Noise] = {
    "hosted": HOSTED,
    "noisy hosted": NOISY,
    "run-to-run effect of 6 %": _hosted(run_sd=0.06),
    "heavy tails": _hosted(tails=True),
    "one run in ten +40 %": _hosted(outlier_ratio=0.1, outlier_factor=1.4),
    "cold caches": _hosted(cold_factor=1.3),
    "correlated drift": _hosted(walk_sd=0.03),
    "bimodal turbo": _hosted(turbo_factor=1.12),
    "periodic job": _hosted(cron_period=5),
    "stalled seconds": _hosted(stalls=True),
    "clustered failures": _hosted(bursts=True),
    "refusals in the mix": _hosted(mix=REFUSED),
    "weighted mix": _hosted(mix=WEIGHTED),
    "service of 6 ms": _hosted(mix=FAST, run_sd=0.05),
    "300 requests": _hosted(requests=300),
}
_UNCHANGED_CHECKS: dict[str, Noise] = {
    "2.7 % between machines": _QUIET,
    "hosted": HOSTED,
    "noisy hosted": NOISY,
    "10 % between machines": Noise(machine_sd=0.10),
    "machine 25 % slower": _hosted(drift=math.log(1.25)),
    "machine 20 % faster": _hosted(drift=-math.log(1.2)),
    "one run in ten +40 %": _hosted(outlier_ratio=0.1, outlier_factor=1.4),
    "noisy reference workload, 6 %": _hosted(workload_sd=0.06),
    "noisy reference workload, 7.8 %": _hosted(workload_sd=0.078),
    "reference workload follows by half": _hosted(follows=Follows.HALF),
    "unrelated reference workload": _hosted(follows=Follows.NOT),
    "no reference workload": _hosted(follows=Follows.NONE),
    "heavy tails": _hosted(tails=True),
    "correlated drift": _hosted(walk_sd=0.02),
    "bimodal turbo": _hosted(turbo_factor=1.12),
    "periodic job": _hosted(cron_period=5),
    "stalled seconds": _hosted(stalls=True),
    "clustered failures": _hosted(bursts=True),
    "300 requests": _hosted(requests=300),
}
_CHANGED_PAIRS: dict[str, tuple[Noise, Change]] = {
    "+5 %, hosted": (HOSTED, _worse(1.05)),
    "+10 %, hosted": (HOSTED, _worse(1.1)),
    "+20 %, hosted": (HOSTED, _worse(1.2)),
    "+10 %, noisy hosted": (NOISY, _worse(1.1)),
    "+20 %, run-to-run effect of 6 %": (_hosted(run_sd=0.06), _worse(1.2)),
    "+20 %, one run in ten +40 %": (_hosted(outlier_ratio=0.1, outlier_factor=1.4), _worse(1.2)),
    "long messages +50 %": (HOSTED, Change(messages=_LONG, message_factor=1.5)),
    "one message of 13 takes three times as long": (HOSTED, Change(messages=(4,), message_factor=3.0)),
    "one in ten requests takes three times as long": (HOSTED, Change(share=0.1)),
    "80 % of the traffic +40 %": (_hosted(mix=WEIGHTED), Change(messages=_BUSY, message_factor=1.4)),
    "+20 %, refusals in the mix": (_hosted(mix=REFUSED), _worse(1.2)),
    "6 ms → 7 ms": (_hosted(mix=FAST, run_sd=0.05), _worse(7 / 6)),
    "6 ms → 14 ms": (_hosted(mix=FAST, run_sd=0.05), _worse(14 / 6)),
    "memory +10 %": (HOSTED, Change(memory_factor=1.1)),
    "one in ten requests fails": (HOSTED, Change(failed_ratio=0.1)),
}
_CHANGED_CHECKS: dict[str, tuple[Noise, Change]] = {
    "+10 %, 2.7 % between machines": (_QUIET, _worse(1.1)),
    "+10 %, hosted": (HOSTED, _worse(1.1)),
    "+20 %, hosted": (HOSTED, _worse(1.2)),
    "+20 %, noisy hosted": (NOISY, _worse(1.2)),
    "+20 %, one run in ten +40 %": (_hosted(outlier_ratio=0.1, outlier_factor=1.4), _worse(1.2)),
    "+20 %, machine 25 % slower": (_hosted(drift=math.log(1.25)), _worse(1.2)),
    "+20 %, machine 20 % faster": (_hosted(drift=-math.log(1.2)), _worse(1.2)),
    "+20 %, no reference workload": (_hosted(follows=Follows.NONE), _worse(1.2)),
    "+20 %, noisy reference workload, 7.8 %": (_hosted(workload_sd=0.078), _worse(1.2)),
    "one in ten requests fails": (HOSTED, Change(failed_ratio=0.1)),
}


def _make_cells() -> dict[str, Cell]:
    cells: list[Cell] = []
    for name, noise in _UNCHANGED_PAIRS.items():
        cells.append(Cell(f"pairs: no change, {name}", Design.PAIRS, noise, _SAME))
    for name, (noise, change) in _CHANGED_PAIRS.items():
        cells.append(Cell(f"pairs: {name}", Design.PAIRS, noise, change))
    for name, noise in _UNCHANGED_CHECKS.items():
        cells.append(Cell(f"check: no change, {name}", Design.CHECK, noise, _SAME))
    for name, (noise, change) in _CHANGED_CHECKS.items():
        cells.append(Cell(f"check: {name}", Design.CHECK, noise, change))
    # The runs of a trace contain their noise.
    real = Noise(machine_sd=0.0, run_sd=0.0, workload_sd=0.0)
    alone = Noise(machine_sd=0.0, run_sd=0.0, workload_sd=0.0, follows=Follows.NONE)
    outliers = Noise(machine_sd=0.0, run_sd=0.0, workload_sd=0.0, outlier_ratio=0.1)
    alone_hosted = _hosted(follows=Follows.NONE)
    cells += [
        Cell("check: no change, real traces", Design.TRACE, real, _SAME),
        Cell("check: +20 %, real traces", Design.TRACE, real, _worse(1.2)),
        Cell("check: no change, real traces without reference workload", Design.TRACE, alone, _SAME),
        Cell("check: +20 %, real traces without reference workload", Design.TRACE, alone, _worse(1.2)),
        Cell("check: +20 %, real traces, one run in ten +40 %", Design.TRACE, outliers, _worse(1.2)),
        Cell("check: no change after +20 % was accepted", Design.ACCEPTED, HOSTED, _worse(1.2)),
        Cell("check: no change after -20 % was accepted", Design.ACCEPTED, HOSTED, _worse(0.8)),
        Cell("check: an accepted -20 % is undone", Design.UNDONE, HOSTED, _worse(0.8)),
        Cell("check: the reported detectable change", Design.DETECTABLE_CHECK, HOSTED, _SAME),
        Cell("pairs: the reported detectable change", Design.DETECTABLE_PAIRS, HOSTED, _SAME),
        Cell("12 merges: no change, hosted", Design.MERGES, HOSTED, _SAME),
        Cell("12 merges: no change, no reference workload", Design.MERGES, alone_hosted, _SAME),
        Cell("12 merges: each +3 %, hosted", Design.MERGES, HOSTED, _worse(1.03)),
        Cell("12 merges: each +3 %, no reference workload", Design.MERGES, alone_hosted, _worse(1.03)),
        Cell("suite of 7 pairs: no change", Design.SUITE, HOSTED, _SAME),
        Cell("suite of 7 pairs: +20 % in one", Design.SUITE, HOSTED, _worse(1.2)),
    ]
    return {cell.title: cell for cell in cells}


CELLS: dict[str, Cell] = _make_cells()
"""All cells by title."""

_CHECK_ROW = "+20 %, committed baseline: hosted; real"
_OUTLIER_ROW = "the same with one outlier run in ten"
_MESSAGE_ROW = "long messages +50 %; one message x3; 10 % of the requests x3 (paired)"
_SHIFT_ROW = "machine 25 % slower / 20 % faster, unchanged; +20 % never passes"
_ACCEPT_ROW = "after one accept of ±20 %: unchanged fails; undone gain detected"
_FAST_ROW = "6 ms → 7 ms (paired, 5 % noise); memory +10 %"
_FALSE_ROW = "unchanged: hosted mixture; real traces with a reference workload"
_UNSURE_ROW = "unchanged, inconclusive: hosted; real; paired"
GOALS: tuple[Goal, ...] = (
    Goal(_FALSE_ROW, "check: no change, hosted", "worse", high=0.01),
    Goal(_FALSE_ROW, "check: no change, real traces", "worse", high=0.02),
    Goal(
        "unchanged, paired, unobserved run-to-run effect of 6 %",
        "pairs: no change, run-to-run effect of 6 %",
        "worse",
        high=0.02,
    ),
    Goal(_UNSURE_ROW, "check: no change, hosted", "inconclusive", high=0.05),
    Goal(_UNSURE_ROW, "check: no change, real traces", "inconclusive", high=0.15),
    Goal(_UNSURE_ROW, "pairs: no change, hosted", "inconclusive", high=0.01),
    Goal("+10 % / +20 %, paired, hosted", "pairs: +10 %, hosted", "worse", low=0.92),
    Goal("+10 % / +20 %, paired, hosted", "pairs: +20 %, hosted", "worse", low=0.99),
    Goal(_CHECK_ROW, "check: +20 %, hosted", "worse", low=0.97),
    Goal(_CHECK_ROW, "check: +20 %, real traces", "worse", low=0.88),
    Goal(_OUTLIER_ROW, "check: +20 %, one run in ten +40 %", "worse", low=0.85),
    Goal(_OUTLIER_ROW, "check: +20 %, real traces, one run in ten +40 %", "worse", low=0.85),
    Goal(_ACCEPT_ROW, "check: no change after +20 % was accepted", "worse", high=0.02),
    Goal(_ACCEPT_ROW, "check: no change after -20 % was accepted", "worse", high=0.02),
    Goal(_ACCEPT_ROW, "check: an accepted -20 % is undone", "worse", low=0.9),
    Goal(_MESSAGE_ROW, "pairs: long messages +50 %", "worse", low=0.97),
    Goal(_MESSAGE_ROW, "pairs: one message of 13 takes three times as long", "worse", low=0.95),
    Goal(_MESSAGE_ROW, "pairs: one in ten requests takes three times as long", "worse", low=0.92),
    Goal("80 % of the traffic +40 %", "pairs: 80 % of the traffic +40 %", "worse", low=0.99),
    Goal("number of pairs: unchanged; at +20 %", "pairs: no change, hosted", "pairs", high=4.0),
    Goal("number of pairs: unchanged; at +20 %", "pairs: +20 %, hosted", "pairs", high=4.0),
    Goal(
        "detected at the reported `detectable` size",
        "check: the reported detectable change",
        "worse",
        low=0.75,
        high=0.85,
    ),
    Goal(
        "detected at the reported `detectable` size",
        "pairs: the reported detectable change",
        "worse",
        low=0.75,
        high=0.85,
    ),
    Goal("+20 % in one of 7 scenarios (paired)", "suite of 7 pairs: +20 % in one", "worse", low=0.9),
    Goal(_SHIFT_ROW, "check: no change, machine 25 % slower", "worse", high=0.02),
    Goal(_SHIFT_ROW, "check: no change, machine 20 % faster", "worse", high=0.02),
    Goal(_SHIFT_ROW, "check: +20 %, machine 25 % slower", "pass", high=0.0),
    Goal(_SHIFT_ROW, "check: +20 %, machine 20 % faster", "pass", high=0.0),
    Goal("first pull request of a new user", "pairs: no change, hosted", "verdict", low=0.99),
    Goal(_FAST_ROW, "pairs: 6 ms → 7 ms", "worse", low=0.95),
    Goal(_FAST_ROW, "pairs: memory +10 %", "worse", low=0.99),
)
"""The required rates."""
