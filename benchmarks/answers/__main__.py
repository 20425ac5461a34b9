"""`make bench-answers`: reads generated answers over both transports and counts the wrong outcomes."""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.core.samples.sample import Outcome

from .check import Fault, FaultKind, read_all, read_alone
from .generate import generate
from .request import CONNECTIONS

_ROOT = Path(__file__).parents[2]
_METHOD = Path(__file__).with_name("method.md")
_CHUNK = 250
_FAULTS_SHOWN = 20


def read_chunk(transport: str | None, seeds: range) -> list[Fault]:
    """Return the faults of these answers, over a transport or without a connection."""
    if transport is None:
        return [fault for fault in map(read_alone, map(generate, seeds)) if fault is not None]
    return asyncio.run(read_all(seeds, transport))


def table(faults: dict[str, Sequence[Fault]], count: int) -> str:
    """Return the number of answers that were read wrongly, as Markdown."""
    kinds = list(FaultKind)
    lines = [f"| of {count:,} answers | {' | '.join(kind.value for kind in kinds)} |"]
    lines.append(f"| :--- | {' | '.join(['---:'] * len(kinds))} |")
    for title, wrong in faults.items():
        counts = Counter(fault.kind for fault in wrong)
        lines.append(f"| {title} | {' | '.join(str(counts[kind]) for kind in kinds)} |")
    return "\n".join(lines) + "\n"


def composition(count: int) -> str:
    """Return the number of generated answers by their right outcome, as Markdown."""
    answers = [*map(generate, range(count))]
    counts = Counter(outcome for answer in answers for outcome in answer.truth.outcomes)
    several = sum(len(answer.truth.outcomes) > 1 for answer in answers)
    cut = sum(answer.is_cut for answer in answers)
    lines = ["| right outcome | answers |", "| :--- | ---: |"]
    lines += [f"| `{outcome.value}` | {counts[outcome]:,} |" for outcome in Outcome if counts[outcome]]
    lines.append(f"| of them with two right outcomes | {several:,} |")
    lines.append(f"| cut before their end | {cut:,} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Read the answers, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers", description=__doc__)
    parser.add_argument("--answers", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=None)
    parser.add_argument("--output", type=Path, default=_ROOT / "docs" / "explanation" / "reading.md")
    given = parser.parse_args()
    chunks = [range(start, min(start + _CHUNK, given.answers)) for start in range(0, given.answers, _CHUNK)]
    faults: dict[str, Sequence[Fault]] = {}
    with ProcessPoolExecutor(given.processes) as pool:
        for title, transport in {
            "the reader alone": None,
            **{f"transport {name}": name for name in CONNECTIONS},
        }.items():
            results = pool.map(read_chunk, [transport] * len(chunks), chunks)
            faults[title] = [fault for chunk in results for fault in chunk]
            sys.stderr.write(f"{title}: {len(faults[title])} wrong\n")
    for fault in [fault for wrong in faults.values() for fault in wrong][:_FAULTS_SHOWN]:
        sys.stderr.write(f"seed {fault.answer.seed}: {fault.kind.value}: {fault.description}\n")
    method = _METHOD.read_text(encoding="utf-8")
    text = f"{method}\n{composition(given.answers)}\n## Results\n\n{table(faults, given.answers)}"
    given.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 1 if any(faults.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
