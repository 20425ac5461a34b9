"""`make bench-embedded`: judge the embedded stack without a change and with known slowdowns.

Each run is stored in a folder, so you can stop the program, continue it later, and judge the runs again.
"""

import argparse
import sys
import time
from pathlib import Path

from bench.core.run.result import RunResult
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.run import measure
from bench.store import scenarios, stacks

from .judge import Measured, judge_rows
from .rows import ROWS, schedule
from .table import table

_ROOT = Path(__file__).parents[2]
_METHOD = Path(__file__).with_name("method.md")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


class Runs:
    """The stored runs of one scenario.

    Args:
        folder: Folder of the stored runs.
        scenario: Name of the scenario.
    """

    def __init__(self, folder: Path, scenario: str) -> None:
        self._folder = folder
        self._spec, self._stack = scenarios.load(scenario), stacks.load("embedded")
        folder.mkdir(parents=True, exist_ok=True)

    def measure(self, title: str, number: int) -> None:
        """Measure a run of a row, unless it is stored."""
        file = self._file(title, number)
        if file.exists():
            return
        conditions = Conditions(variables=ROWS[title].variables, shared=False, calibrated=False)
        listener = Listener(progress=lambda _: None, note=lambda _: None, warning=_say)
        result, _ = measure(self._spec, self._stack, conditions, listener)
        file.write_text(result.model_dump_json(), encoding="utf-8")
        _say(f"{title} {number}: {'; '.join(result.validity.reasons) or 'valid'}")

    def load(self) -> Measured:
        """Return the stored runs of each row, and how often a run was not valid."""
        rows: dict[str, dict[int, RunResult]] = {}
        invalid: dict[str, int] = {}
        for title, row in ROWS.items():
            kept: dict[int, RunResult] = {}
            for number in range(row.runs):
                file = self._file(title, number)
                if file.exists():
                    kept[number] = RunResult.model_validate_json(file.read_text(encoding="utf-8"))
            rows[title] = {number: run for number, run in kept.items() if run.validity.valid}
            invalid[title] = len(kept) - len(rows[title])
        return Measured(rows, invalid)

    def _file(self, title: str, number: int) -> Path:
        name = "".join(letter if letter.isalnum() else "-" for letter in title)
        return self._folder / f"{name}-{number}.json"


def main() -> int:
    """Measure the missing runs within the time, judge all runs, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedded", description=__doc__)
    parser.add_argument("--scenario", default="quick", help="scenario to measure (default: quick)")
    parser.add_argument("--minutes", type=float, default=600.0, help="time limit of the runs (default: 600)")
    parser.add_argument(
        "--runs", type=Path, default=_ROOT / "results" / "embedded", help="folder of the runs"
    )
    parser.add_argument("--output", type=Path, default=_ROOT / "docs" / "explanation" / "embedded.md")
    given = parser.parse_args()
    runs = Runs(given.runs, given.scenario)
    ends = time.monotonic() + 60.0 * given.minutes
    for title, number in schedule():
        if time.monotonic() > ends:
            break
        runs.measure(title, number)
    text = f"{_METHOD.read_text(encoding='utf-8')}\n{table(judge_rows(runs.load()))}"
    given.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
