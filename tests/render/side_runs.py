"""Sets of runs for reports that show them side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from bench.core.report.run_times import make_run_times
from bench.core.report.side_by_side import SideBySide, make_side_by_side
from bench.core.report.side_curves import SideCurves, find_histogram, overlay_curves
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.run.validity import Validity
from bench.render.document.format import PLAIN, SideBySideInput, Terminal
from tests.factories import (
    NOON,
    make_fingerprint,
    make_provenance,
    make_recording,
    make_run,
    make_scenario,
    make_spec,
    make_use,
    run_at,
)
from tests.render.drawn import HOSTILE, recording
from tests.searches import make_search


@dataclass(frozen=True)
class RunSet:
    """Results with their recordings; None where the requests were not kept."""

    results: tuple[RunResult, ...]
    recordings: tuple[Recording | None, ...]

    @property
    def report(self) -> SideBySide:
        """The runs side by side."""
        return make_side_by_side(self.results)

    @property
    def curves(self) -> SideCurves:
        """The curves of the runs."""
        letters = [run.letter for run in self.report.runs]
        times = tuple(map(make_run_times, self.results, self.recordings))
        return overlay_curves(letters, [*map(find_histogram, self.results)], times)

    def given(self, terminal: Terminal = PLAIN, most_lines: int | None = None) -> SideBySideInput:
        """The input of a format."""
        return SideBySideInput(self.report, lambda: self.curves, terminal, most_lines)


def make_measured(factor: float, number: int, **changes: Any) -> tuple[RunResult, Recording]:
    """Return a run of thirty seconds with its services, `number` hours after noon.

    Args:
        factor: Response times as a multiple of the usual ones.
        number: Number of the run; it is in its id and its commit.
        changes: Parts of the run, or `failed`, `injections`, `cpu_pct` and `subject`.
    """
    failed = changes.pop("failed", ())
    injections = changes.pop("injections", {})
    cpu_pct = changes.pop("cpu_pct", 20.0)
    subject = changes.pop("subject", None)
    kept = recording(factor, failed=failed)
    uses = tuple(
        make_use("backend", second, cpu_pct=cpu_pct, memory_bytes=50_000_000) for second in range(30)
    )
    kept = make_recording(kept.samples, resources=(*kept.resources, *uses))
    origin = make_provenance(
        f"20260105T12{number:02}00Z-quick-{number:04x}",
        started_at=NOON + timedelta(hours=number),
        commit=f"{number:x}" * 40,
        injections=injections,
        subject=subject,
    )
    content: dict[str, Any] = {"provenance": origin, "spec": make_spec(make_scenario(phases=_PHASES))}
    return make_run(kept, **(content | changes)), kept


_PHASES: list[dict[str, Any]] = [
    {"executor": "constant-vus", "vus": 10, "duration_s": 15, "think_time_s": (1, 2)},
    {"executor": "constant-vus", "vus": 20, "duration_s": 15, "think_time_s": (1, 2)},
]


def join(*measured: tuple[RunResult, Recording | None]) -> RunSet:
    """Return runs with their recordings."""
    results, recordings = zip(*measured, strict=True)
    return RunSet(tuple(results), tuple(recordings))


def pair() -> RunSet:
    """Return two versions, of which the second is slower and needs more processor time."""
    slower = make_measured(1.3, 1, cpu_pct=26.0, injections={"model.slowdown": 1.3})
    return join(make_measured(1.0, 0), slower)


def three() -> RunSet:
    """Return three versions on the Pareto front and behind it; the third had failed requests."""
    return join(
        make_measured(1.0, 0),
        make_measured(0.8, 1, cpu_pct=30.0, subject="Answer with four workers"),
        make_measured(1.2, 2, cpu_pct=34.0, failed=(7, 40)),
    )


def ten() -> RunSet:
    """Return ten versions, each slower than the one before."""
    return join(*(make_measured(1.0 + 0.1 * number, number) for number in range(10)))


def with_invalid() -> RunSet:
    """Return two runs, an invalid one, and one whose requests all failed and were not kept."""
    invalid, kept = make_measured(0.5, 2)
    changes = {"validity": Validity(valid=False, reasons=("the load generator was late",))}
    failed = make_measured(0.1, 3, failed=range(100))[0]
    return join(
        make_measured(1.0, 0),
        make_measured(1.1, 1),
        (invalid.model_copy(update=changes), kept),
        (failed, None),
    )


def other_load() -> RunSet:
    """Return runs of two scenarios with different loads, on two machines."""
    scenario = make_scenario(name="medium", phases=[{**phase, "vus": 40} for phase in _PHASES])
    place = make_fingerprint(simulated=False, cpu_count=8, parts={"image model": "sha256:" + "d" * 64})
    here = make_fingerprint(simulated=False)
    return join(
        make_measured(1.0, 0, fingerprint=here),
        make_measured(2.0, 1, spec=make_spec(scenario), fingerprint=place),
    )


def searches() -> RunSet:
    """Return two capacity searches whose intervals do not overlap."""
    return join((make_search((17, 15, 19), 0), None), (make_search((24, 22, 26), 1), None))


def mixed() -> RunSet:
    """Return a run of ten users, and a search that tried ten users."""
    search = make_search((17, 10, 19), 1)
    return join((run_at(1.0), make_recording()), (search, None))


_SUBJECT = HOSTILE.partition("\u2028")[0][:120]
"""The part of a hostile text that a subject can have."""


def _hostile_runs() -> tuple[tuple[RunResult, Recording], ...]:
    return make_measured(1.0, 0, subject=_SUBJECT), make_measured(1.4, 1, subject=_SUBJECT)


def hostile() -> RunSet:
    """Return two runs whose names and texts are all hostile."""
    injected: list[tuple[RunResult, Recording]] = []
    for number, (result, kept) in enumerate(_hostile_runs()):
        scenario = result.scenario.model_copy(update={"name": HOSTILE, "purpose": HOSTILE, "target": HOSTILE})
        place = result.fingerprint.model_copy(
            update={
                "stack": HOSTILE,
                "parts": {HOSTILE: f"{number}{HOSTILE}"},
                "kernel": HOSTILE * (1 + number),
            }
        )
        tiers = {f"tier.{HOSTILE}_ms": result.summary.metrics["tier.decode_ms"]}
        summary = result.summary.model_copy(update={"metrics": {**result.summary.metrics, **tiers}})
        changes = {
            "scenario": scenario,
            "fingerprint": place,
            "summary": summary,
            "overrides": (HOSTILE * (1 + number),),
            "validity": Validity(valid=True, reasons=()),
        }
        injected.append((result.model_copy(update=changes), kept))
    return join(*injected)


SETS: dict[str, Callable[[], RunSet]] = {
    "pair": cache(pair),
    "three": cache(three),
    "ten": cache(ten),
    "invalid": cache(with_invalid),
    "other-load": cache(other_load),
    "searches": cache(searches),
    "mixed": cache(mixed),
    "hostile": cache(hostile),
}
"""Every kind of set, by name."""


def reorder(runs: RunSet, order: Sequence[int]) -> RunSet:
    """Return the same runs in another order."""
    return RunSet(
        tuple(runs.results[number] for number in order), tuple(runs.recordings[number] for number in order)
    )
