"""Compare two machines with one, and kill one of them; the machines are network namespaces."""

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scipy import stats

from bench.core.run.result import RunResult
from bench.store import results
from benchmarks.engine.page import replace_section, table
from benchmarks.scale.__main__ import PAGE, describe_machine
from benchmarks.scale.namespaces import find_obstacle
from benchmarks.scale.stand import CLOCK_S, Stand, open_stand

_MODEL = ("--model", "mock-ttft60-gap4-n20", "--duration", "8s", "--think-time", "50ms")
_VUS = 20
_CONFIDENCE = 0.95
_METRICS = {"ttft_ms": "time to first token", "e2e_ms": "response time"}
_QUANTILES = ("p50", "p95")
_KILL_BYTES = 400_000
_DESIGN = {"one": (1, _VUS), "two": (2, _VUS), "double": (2, 2 * _VUS)}


def main() -> int:
    """Measure, and rewrite the section of the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.machines", description=__doc__)
    parser.add_argument("--rounds", type=int, default=8, help="runs of each kind, alternately")
    parser.add_argument("--output", type=Path, default=PAGE)
    given = parser.parse_args()
    obstacle = find_obstacle()
    if obstacle is not None:
        sys.stderr.write(f"error: {obstacle}\n")
        return 2
    with tempfile.TemporaryDirectory() as folder, open_stand(Path(folder)) as stand:
        runs: dict[str, list[RunResult]] = {name: [] for name in _DESIGN}
        for number in range(given.rounds):
            order = [*_DESIGN] if number % 2 == 0 else [*reversed(_DESIGN)]
            for name in order:
                workers, vus = _DESIGN[name]
                runs[name].append(stand.run(workers, stand.target, *_MODEL, "--vus", str(vus)))
        killed = _kill(stand)
    facts = {**describe_machine(), "runs of each kind": str(given.rounds)}
    lines = [[name, value] for name, value in facts.items()]
    parts = [
        table(["fact", "value"], lines, ":---"),
        _compare(runs),
        _clocks(runs["two"]),
        _describe_kill(killed),
    ]
    replace_section(given.output, "machines", "\n".join(parts))
    return 0


def _kill(stand: Stand) -> RunResult:
    before = stand.spaces.received_bytes("b")
    run = stand.start_run(2, stand.target, *_MODEL, "--vus", str(_VUS))
    stand.await_that(
        lambda: stand.spaces.received_bytes("b") > before + _KILL_BYTES, "a load on both machines"
    )
    stand.spaces.kill("b")
    run.wait()
    return results.load(stand.newest_run())


def _interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of runs and its interval by Student's t."""
    mean = statistics.fmean(values)
    width = float(stats.t.ppf(0.5 + _CONFIDENCE / 2, len(values) - 1))
    error = width * statistics.stdev(values) / math.sqrt(len(values))
    return mean, mean - error, mean + error


def _compare(runs: dict[str, list[RunResult]]) -> str:
    rows = []
    rates = {name: [run.summary.requests_rps or 0.0 for run in of_kind] for name, of_kind in runs.items()}
    rows.append(["requests/s", *(_cell(rates[name]) for name in _DESIGN)])
    ratios = [double / one for double, one in zip(rates["double"], rates["one"], strict=True)]
    rows.append(["requests/s, times those of one machine in the same round", "1", "", _cell(ratios)])
    for metric, words in _METRICS.items():
        for quantile in _QUANTILES:
            cells = []
            for name in _DESIGN:
                values = [getattr(run.summary.metrics[metric], quantile) for run in runs[name]]
                cells.append(_cell(values, " ms"))
            rows.append([f"{words}, {quantile}", *cells])
    head = ["mean of the runs, 95 % interval", f"one machine, {_VUS} VUs"]
    return table([*head, f"two machines, {_VUS} VUs", f"two machines, {2 * _VUS} VUs"], rows)


def _cell(values: Sequence[float], unit: str = "") -> str:
    mean, low, high = _interval(values)
    return f"{mean:.4g}{unit} ({low:.4g} to {high:.4g})"


def _clocks(runs: Sequence[RunResult]) -> str:
    rows = []
    for number, (name, true_s) in enumerate({"a": CLOCK_S, "b": 0.0}.items()):
        clocks = [run.generators[number].clock for run in runs]
        errors = [abs(clock.offset_s - true_s) * 1000 for clock in clocks]
        stated = [clock.error_ms for clock in clocks]
        within = sum(error <= bound for error, bound in zip(errors, stated, strict=True))
        cells = [f"{statistics.median(errors):.3f}", f"{max(errors):.3f}", f"{statistics.median(stated):.3f}"]
        rows.append([f"{name}, {true_s:,.0f} s ahead", *cells, f"{within} of {len(runs)}"])
    head = ["clock of the machine", "true error, median, ms", "largest, ms", "stated error, median, ms"]
    return table([*head, "within the stated error"], rows)


def _describe_kill(result: RunResult) -> str:
    rows = []
    for report in result.generators:
        rows.append([report.name, f"{report.requests:,}", report.describe_loss() or "none"])
    return table(["load generator", "requests", "loss"], rows, ":---")


if __name__ == "__main__":
    sys.exit(main())
