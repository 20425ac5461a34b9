"""Synthetic histories: runs with noise, levels, outliers, other conditions and versions, hours apart."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

_FIRST = datetime(2022, 1, 3, 6, 0, tzinfo=UTC)
_HOURS_APART = 8
_USUAL_MS = {"queue": 40.0, "prefill": 95.0, "decode": 260.0, "store": 12.0, "gateway": 6.0}
_NOISE = 0.03
_LEVEL_SHIFT = 0.2
_RUNS_OF_A_LEVEL = 700  # mean
_RUNS_OF_CONDITIONS = 1500
_OUTLIER_SHARE = 0.01
_AUTHORS = ("Ann Other", "Tess Ter", "Max Mustermann")
_STACKS = ("gateway", "embedded", "compose", "cluster")


def write_histories(folder: Path, scenarios: int, runs: int, seed: int = 1) -> None:
    """Write one file per scenario."""
    for number in range(scenarios):
        dice = Random(f"{seed}/{number}")
        stack = _STACKS[number % len(_STACKS)]
        path = folder / stack / "linux-x86_64-2cpu" / f"scenario-{number:04}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            for line in lines_of(path.stem, stack, runs, dice):
                file.write(line)


def add_run(folder: Path, number_of_run: int, seed: int = 2) -> int:
    """Append one newer run to each history, and return the number of histories."""
    paths = sorted(folder.glob("*/*/*.jsonl"))
    for number, path in enumerate(paths):
        dice = Random(f"{seed}/{number}/{number_of_run}")
        lines = lines_of(path.stem, path.parts[-3], 1, dice, first=number_of_run)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(lines)
    return len(paths)


def lines_of(scenario: str, stack: str, runs: int, dice: Random, first: int = 0) -> Iterator[str]:
    """Yield the lines of a history, the oldest first."""
    shift = 0.0
    for number in range(first, first + runs):
        if dice.random() < 1.0 / _RUNS_OF_A_LEVEL:
            shift = 0.0 if shift else dice.choice([1.0, -0.5]) * _LEVEL_SHIFT
        yield json.dumps(_point(scenario, stack, number, shift, dice), separators=(",", ":")) + "\n"


def _point(scenario: str, stack: str, number: int, shift: float, dice: Random) -> dict[str, Any]:
    started = _FIRST + timedelta(hours=_HOURS_APART * number, seconds=dice.randrange(3000))
    machine = math.exp(dice.gauss(0.0, 0.04))
    outlier = 2.5 if dice.random() < _OUTLIER_SHARE else 1.0
    own = machine * outlier * math.exp(shift)
    times: dict[str, float] = {}
    for tier, usual_ms in _USUAL_MS.items():
        times[tier] = round(usual_ms * own * math.exp(dice.gauss(0.0, _NOISE)), 2)
    e2e_ms = round(sum(times.values()) * 1.04, 2)
    ttft_ms = round(times["queue"] + times["prefill"], 2)
    failed = dice.choice([0, 0, 0, 0, 0, 1, 2])
    figures = {"e2e_ms": e2e_ms, "ttft_ms": ttft_ms, **{f"tier.{tier}_ms": ms for tier, ms in times.items()}}
    figures |= _costs(e2e_ms, dice)
    author = dice.choice(_AUTHORS)
    return {
        "schema_version": 1,
        "scenario": scenario,
        "run_id": f"{started:%Y%m%dT%H%M%S}-{scenario}-{dice.randrange(16**6):06x}",
        "started_at": f"{started:%Y-%m-%dT%H:%M:%S}.{dice.randrange(10**6):06}Z",
        "commit": f"{dice.getrandbits(160):040x}",
        "dirty": False,
        "tool_version": f"0.{number // 400}.0",
        "fingerprint": _fingerprint(stack, number, dice),
        "ok": 300 - failed,
        "failed": failed,
        "failed_blocks": min(failed, 6),
        "figures": figures,
        "reference_workload": _workload(machine, dice),
        "vitals": _vitals(e2e_ms, ttft_ms, failed),
        "workflow_run": 7_000_000_000 + number,
        "branch": "main",
        "subject": f"Answer with fewer calls of the model (#{number})",
        "author": author,
    }


def _costs(e2e_ms: float, dice: Random) -> dict[str, float]:
    return {
        "requests_rps": round(4000.0 / e2e_ms, 4),
        "service.backend.cpu_ms": round(4.0 * math.exp(dice.gauss(0.0, _NOISE)), 4),
        "service.backend.memory_bytes": round(62e6 * math.exp(dice.gauss(0.0, _NOISE))),
        "service.model.cpu_ms": round(0.8 * e2e_ms, 4),
        "service.model.memory_bytes": round(41e6 * math.exp(dice.gauss(0.0, _NOISE))),
        "tokens_per_request": round(40.0 * math.exp(dice.gauss(0.0, _NOISE)), 4),
    }


def _fingerprint(stack: str, number: int, dice: Random) -> dict[str, Any]:
    epoch = number // _RUNS_OF_CONDITIONS
    return {
        "stack": stack,
        "stack_digest": f"{epoch:064x}",
        "work_digest": "b" * 64,
        "system": "linux-x86_64",
        "cpu_model": dice.choice(["AMD EPYC 7763", "Intel Xeon 8370C", "AMD EPYC 9V74"]),
        "cpu_count": 2,
        "simulated": False,
        "model": "small",
        "parts": {"redis": "sha256:" + "c" * 64},
        "image": f"ubuntu24-{number // 21:06}",
        "kernel": f"6.8.0-{number // 90}",
    }


def _workload(machine: float, dice: Random) -> dict[str, Any]:
    usual_ms = {"cpu": 11.2, "json": 4.4, "memory": 7.1, "socket": 2.3}
    sides: list[dict[str, float]] = []
    for _ in range(2):
        times: dict[str, float] = {}
        for name, piece_ms in usual_ms.items():
            times[name] = round(piece_ms * machine * math.exp(dice.gauss(0.0, 0.02)), 4)
        sides.append(times)
    return {"version": 2, "before_ms": sides[0], "after_ms": sides[1]}


def _vitals(e2e_ms: float, ttft_ms: float, failed: int) -> dict[str, Any]:
    return {
        "load": "10 VUs, 30 s",
        "elapsed_s": 31.0,
        "requests_rps": round(4000.0 / e2e_ms, 2),
        "tokens_tps": round(160_000.0 / e2e_ms, 2),
        "latencies": {
            "e2e_ms": {"p50": e2e_ms, "p95": round(1.4 * e2e_ms, 2), "p99": round(1.9 * e2e_ms, 2)},
            "ttft_ms": {"p50": ttft_ms, "p95": round(1.5 * ttft_ms, 2), "p99": None},
        },
        "outcomes": {"ok": 300 - failed} | ({"timeout": failed} if failed else {}),
        "goodput_ratio": 0.98,
        "crossed": [],
        "usage": {
            "backend": {"cpu_pct": 14.0, "memory_bytes": 62_000_000},
            "model": {"cpu_pct": 83.1, "memory_bytes": 41_000_000},
            "load generator": {"cpu_pct": 9.0, "memory_bytes": 95_000_000},
        },
        "up": {"backend": 1.0, "agent": 1.0},
        "alerts": [],
    }
