"""Two versions whose pairs are scripted, in place of measurements."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.core.run.validity import Validity
from bench.core.samples.sample import Stop
from bench.measure.run.alternate import FailedPair, Pair, PairedSpec, PairRun, Side
from tests.factories import make_provenance, make_recording, run_at


@dataclass(frozen=True)
class Ended:
    """An early end of the run of a version."""

    side: Side
    stop: Stop


Row = tuple[float, float] | str | Ended | BaseException
"""The slowdowns of base and head, the reason of a pair that failed, an end of a version, or an error."""


@dataclass
class Versions:
    """Two versions whose pairs have these slowdowns, failures or errors. The last row repeats."""

    script: dict[str, list[Row]]
    on_run: Callable[[PairRun], object] = lambda _: None
    order: list[str] = field(default_factory=list)
    """The scenarios in the order of their pairs."""
    runs: int = 0

    def measure_pair(self, spec: PairedSpec, number: int) -> Pair | FailedPair:
        """Return the next pair of the script."""
        self.order.append(f"{spec.name} {number}")
        rows = self.script[spec.name]
        row = rows.pop(0) if len(rows) > 1 else rows[0]
        if isinstance(row, BaseException):
            raise row
        if isinstance(row, Ended):
            stopped = self._run(spec, row.side, 1.0).result.model_copy(update={"stop": row.stop})
            run = PairRun(Path("x"), stopped, make_recording())
            return FailedPair(run, f"{row.side}: {row.stop.reason}", row.side)
        if isinstance(row, str):
            invalid = Validity(valid=False, reasons=(row,))
            failed = self._run(spec, "head", 1.0).result.model_copy(update={"validity": invalid})
            return FailedPair(PairRun(Path("x"), failed, make_recording()), f"head: {row}", "head")
        return Pair(self._run(spec, "base", row[0]), self._run(spec, "head", row[1]))

    def _run(self, spec: PairedSpec, side: Side, factor: float) -> PairRun:
        self.runs += 1
        run_id = f"20260105T120000Z-{spec.name}-0000"
        noise = 1.0 + 0.001 * (self.runs % 5)
        result = run_at(factor * noise, spec=spec.of(side), provenance=make_provenance(run_id))
        run = PairRun(Path(run_id, "runs", f"{self.runs:02}-{side}"), result, make_recording())
        self.on_run(run)
        return run
