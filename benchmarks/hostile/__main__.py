"""`make bench-hostile`: sends requests to a hostile server, and measures whether other users notice."""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.target import Target
from bench.core.samples.arrays import Floats
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import SampleLog, Samples
from bench.core.values.units import ms
from bench.measure.load.messages import Job
from bench.measure.load.workers import start_workers
from benchmarks.engine.machine import machine

from .serve import GAP_S, WORDS

_ROOT = Path(__file__).parents[2]
_METHOD = Path(__file__).with_name("method.md")
_RESPONSES = 10_000
_VUS = 20
_DEADLINE_S = 3.0
_MB = 1e6
_NO_VALUES = "– | – | –"  # noqa: RUF001 - a dash stands for no value
_PROMPT = Prompt(id="greeting", text="Good morning")
_ORDINARY = 0
_HOSTILE = 1


def _target(name: str) -> Target:
    return Target.model_validate(
        {
            "name": name,
            "service": name,
            "path": f"/{name}",
            "body": {"message": "${message}"},
            "answer": {"kind": "sse", "text": "text", "done_data": "[DONE]"},
        }
    )


def _spec(requests: int, *, is_mixed: bool) -> RunSpec:
    phase = {"executor": "per-vu-iterations", "vus": _VUS, "iterations": max(1, requests // _VUS)}
    scenario = Scenario.model_validate(
        {
            "name": "hostile",
            "purpose": "Hostile answers between ordinary ones.",
            "target": "ordinary",
            "compare_with": "hostile" if is_mixed else None,
            "seed": 1,
            "prompts": "none.yaml",
            "phases": [phase],
            "request_timeout": _DEADLINE_S,
        }
    )
    compared = _target("hostile") if is_mixed else None
    return RunSpec(scenario=scenario, target=_target("ordinary"), prompts=(_PROMPT,), compare_with=compared)


@contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.hostile.serve"]
    silent = subprocess.DEVNULL  # asyncio writes a line for each write to a client that has left
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=silent, text=True, cwd=_ROOT) as process:
        try:
            port = process.stdout.readline().strip() if process.stdout else ""
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def _measure(urls: Sequence[str], spec: RunSpec) -> tuple[Samples, float]:
    """Return the requests of a load, and the memory of the load generator in MB after it."""
    log = SampleLog()
    async with start_workers(1) as workers:
        await workers.run(Job(spec, urls), lambda batch: log.extend(batch.log))
        memory_mb = psutil.Process(workers.pids[0]).memory_info().rss / _MB
    return log.since(0), memory_mb


def _took_ms(samples: Samples) -> Floats:
    """Return the time from the last byte of each request to the end of its response."""
    return ms(samples.column("finished_s") - samples.column("sent_s"))


def _quantiles(late_ms: Floats) -> str:
    if not len(late_ms):
        return _NO_VALUES
    return " | ".join(f"{value:.1f}" for value in [*np.quantile(late_ms, [0.5, 0.99]), late_ms.max()])


def _row(title: str, late_ms: Floats) -> str:
    return f"| {title} | {len(late_ms):,} | {_quantiles(late_ms)} |"


def _of_target(samples: Samples, number: int) -> Samples:
    return samples.where(samples.column("arm") == number)


def _document(alone: Samples, mixed: Samples, memory_mb: tuple[float, float]) -> str:
    answer_ms = ms(WORDS * GAP_S)
    ordinary = _of_target(mixed, _ORDINARY)
    hostile = _of_target(mixed, _HOSTILE)
    late = hostile.where(hostile.has_outcome(Outcome.TIMEOUT))
    good = ordinary.where(ordinary.has_outcome(Outcome.OK))
    counts = [f"{int(hostile.has_outcome(outcome).sum()):,} `{outcome}`" for outcome in Outcome]
    facts = machine()
    return "\n".join(
        [
            _METHOD.read_text(encoding="utf-8"),
            "## Results",
            "",
            f"Machine: {facts['processor']}; {facts['system']}; {facts['ours']}.",
            "",
            f"Outcomes of {len(hostile):,} hostile responses: "
            + ", ".join(count for count in counts if not count.startswith("0 "))
            + ".",
            f"{len(good):,} of {len(ordinary):,} ordinary answers between them are `ok`.",
            f"Memory of the load generator: {memory_mb[1]:.0f} MB; alone: {memory_mb[0]:.0f} MB.",
            "",
            "| milliseconds late | requests | p50 | p99 | max |",
            "| :--- | ---: | ---: | ---: | ---: |",
            _row("ordinary answers alone", _took_ms(alone) - answer_ms),
            _row("ordinary answers between hostile ones", _took_ms(good) - answer_ms),
            _row("ends of the hostile responses that reach the deadline", _took_ms(late) - ms(_DEADLINE_S)),
            "",
        ]
    )


def main() -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--responses", type=int, default=_RESPONSES)
    parser.add_argument("--output", type=Path, default=_ROOT / "docs" / "explanation" / "hostile.md")
    given = parser.parse_args()
    with _server() as ordinary, _server() as hostile:
        alone, before_mb = asyncio.run(_measure((ordinary,), _spec(given.responses // 10, is_mixed=False)))
        both = _spec(given.responses, is_mixed=True)
        mixed, after_mb = asyncio.run(_measure((ordinary, hostile), both))
    given.output.write_text(_document(alone, mixed, (before_mb, after_mb)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
