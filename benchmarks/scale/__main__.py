"""`make bench-scale`: measure the costs of a load, and rewrite the sections of docs/explanation/scale.md."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.engine.machine import machine
from benchmarks.engine.page import ROOT, replace_section, table
from benchmarks.scale.costs import Costs, measure
from benchmarks.scale.plan import LOADS, find_limits, most_generators, plan_load
from benchmarks.scale.simulation import MergePlan, StartPlan, simulate_merge, simulate_start

PAGE = ROOT / "docs" / "explanation" / "scale.md"
FOLDER = ROOT / ".bench" / "scale"
_STARTS = 100
_RATES = (10.0, 100.0, 1000.0)
# An overloaded cluster is simulated at this part of its size.
_SHRINK = 10
# Parts of the largest number of load generators, and the duration of the load with each.
_SHARES = {0.5: 60.0, 0.9: 60.0, 1.2: 900.0}
_COSTS = {
    "process_bytes": ("memory of a load generator without VUs", 1e6, "MB"),
    "idle_vu_bytes": ("memory of a VU that pauses, with its connection", 1e3, "kB"),
    "stream_bytes": ("memory of a VU with an open stream", 1e3, "kB"),
    "kernel_bytes": ("memory of the kernel for a connection", 1e3, "kB"),
    "request_us": ("processor time per request", 1.0, "µs"),
    "token_us": ("processor time per token that arrives alone", 1.0, "µs"),
    "sample_bytes": ("bytes to the run per request", 1.0, "bytes"),
    "batch_bytes": ("bytes to the run per batch, four times a second", 1e3, "kB"),
    "batch_us": ("processor time of the run per batch", 1.0, "µs"),
    "merge_us": ("processor time of the run per request", 1.0, "µs"),
    "token_wire_bytes": ("bytes of a token on the network", 1.0, "bytes"),
}
# Places of machines: one way of a message, the mean of its variation, and the share by which the ways differ.
_NETWORKS = {
    "one rack": (50e-6, 50e-6, 0.0),
    "one region": (1e-3, 200e-6, 0.0),
    "two continents": (40e-3, 2e-3, 0.0),
    "two continents, one way twice as long": (40e-3, 2e-3, 1 / 3),
}


def main() -> int:
    """Measure, or take the newest measurement, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each cost")
    parser.add_argument("--vus", type=int, default=2_000, help="VUs whose memory is measured")
    parser.add_argument("--reuse", action="store_true", help="take the costs of the newest measurement")
    parser.add_argument("--output", type=Path, default=PAGE)
    given = parser.parse_args()
    journal = FOLDER / "costs.json"
    if not given.reuse:
        _, readings = measure(given.repeats, given.vus)
        facts = {**describe_machine(), "repetitions": str(given.repeats)}
        FOLDER.mkdir(parents=True, exist_ok=True)
        content = {"facts": facts, "readings": [asdict(reading) for reading in readings]}
        journal.write_text(json.dumps(content), encoding="utf-8")
    stored = json.loads(journal.read_text(encoding="utf-8"))
    readings = [Costs(**reading) for reading in stored["readings"]]
    costs = _median(readings)
    replace_section(given.output, "costs", _costs(stored["facts"], costs, readings))
    replace_section(given.output, "plan", _plan(costs))
    replace_section(given.output, "merge", _merge(costs))
    replace_section(given.output, "start", _start())
    return 0


def describe_machine() -> dict[str, str]:
    """Return the date, the commit and the machine of a measurement."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short=8", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit.stdout.strip(), **machine()}


def _median(readings: Sequence[Costs]) -> Costs:
    """Return the middle of each cost."""
    values = {}
    for name in _COSTS:
        ordered = sorted(getattr(reading, name) for reading in readings)
        values[name] = ordered[len(ordered) // 2]
    return Costs(**values)


def _costs(facts: dict[str, str], costs: Costs, readings: Sequence[Costs]) -> str:
    rows = []
    for name, (words, unit, label) in _COSTS.items():
        values = [getattr(reading, name) / unit for reading in readings]
        middle = getattr(costs, name) / unit
        rows.append([words, f"{middle:.3g} {label}", f"{min(values):.3g} to {max(values):.3g}"])
    lines = [[name, value] for name, value in facts.items()]
    return table(["fact", "value"], lines, ":---") + "\n" + table(["cost", "median", "range"], rows)


def _plan(costs: Costs) -> str:
    plans = [plan_load(load, costs) for load in LOADS]
    rows = [
        ["requests/s", *(f"{plan.load.requests_per_s:,.0f}" for plan in plans)],
        ["open streams", *(f"{plan.load.streams:,.0f}" for plan in plans)],
        ["tokens/s", *(f"{plan.load.tokens_per_s:,.0f}" for plan in plans)],
        ["busy cores", *(f"{plan.cores:.1f}" for plan in plans)],
        ["load generators, each half busy", *(f"{plan.generators:,}" for plan in plans)],
        ["machines with 8 cores", *(f"{plan.machines:,}" for plan in plans)],
        ["VUs of a load generator", *(f"{plan.load.vus / plan.generators:,.0f}" for plan in plans)],
        ["memory, all machines", *(f"{plan.memory_gb:.1f} GB" for plan in plans)],
        ["network, all machines", *(f"{plan.network_gbit:.2f} Gbit/s" for plan in plans)],
        ["samples to the run", *(f"{plan.run.bytes_per_s * 8 / 1e6:.1f} Mbit/s" for plan in plans)],
        ["process of the run", *(f"{plan.run.utilisation:.1%} of a core" for plan in plans)],
        ["limits of usual machines", *("; ".join(find_limits(plan)) or "none" for plan in plans)],
    ]
    return table(["need", *(plan.load.name for plan in plans)], rows)


def _merge(costs: Costs) -> str:
    rows = []
    for rate in _RATES:
        most = most_generators(costs, rate)
        for share, seconds in _SHARES.items():
            workers = max(1, round(most * share))
            plan = MergePlan(
                workers, rate, costs.batch_us, costs.merge_us, costs.batch_bytes, costs.sample_bytes
            )
            rows.append(_merge_row(replace(plan, seconds=seconds)))
    head = ["requests/s of each", "load generators", "core of the run", "Mbit/s", "duration, s"]
    return table([*head, "p95 delay, s", "back-pressure from", "kept by one, MB", "lost"], rows)


def _merge_row(plan: MergePlan) -> list[str]:
    outcome = simulate_merge(_shrink(plan) if plan.utilisation > 1 else plan)
    pressure_s = outcome.back_pressure_s
    return [
        f"{plan.requests_per_s:,.0f}",
        f"{plan.workers:,}",
        f"{plan.utilisation:.0%}",
        f"{plan.bytes_per_s * 8 / 1e6:,.0f}",
        f"{plan.seconds:.0f}",
        f"{outcome.p95_delay_s:.3g}",
        "never" if pressure_s is None else f"{pressure_s:.0f} s",
        f"{outcome.most_kept_bytes / 1e6:.1f}",
        "none" if outcome.is_lossless else "some",
    ]


def _shrink(plan: MergePlan) -> MergePlan:
    """Return a tenth of a cluster with ten times the cost of a batch, which has the same delays."""
    return replace(
        plan,
        workers=round(plan.workers / _SHRINK),
        batch_us=plan.batch_us * _SHRINK,
        sample_us=plan.sample_us * _SHRINK,
        run_bytes_per_s=plan.run_bytes_per_s / _SHRINK,
    )


def _start() -> str:
    rows = []
    for name, (one_way_s, jitter_s, asymmetry) in _NETWORKS.items():
        plan = StartPlan(100, one_way_s, jitter_s, asymmetry)
        outcomes = [simulate_start(replace(plan, seed=seed)) for seed in range(_STARTS)]
        skew_s = sum(outcome.skew_s for outcome in outcomes) / _STARTS
        error_s = max(outcome.largest_error_s for outcome in outcomes)
        stated_s = max(outcome.largest_stated_s for outcome in outcomes)
        wrong = sum(outcome.wrong for outcome in outcomes)
        cells = (skew_s, error_s, stated_s)
        rows.append(
            [name, *(f"{value * 1000:.2f}" for value in cells), f"{wrong} of {_STARTS * plan.workers:,}"]
        )
    head = ["machines", "mean skew of 100 starts, ms", "largest true error, ms", "largest stated error, ms"]
    return table([*head, "errors above the stated one"], rows)


if __name__ == "__main__":
    sys.exit(main())
