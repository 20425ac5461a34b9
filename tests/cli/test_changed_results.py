"""Results that were changed by hand: commands refuse them with the contradiction, and none passes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.store import baselines, results
from tests.command import Bench
from tests.factories import make_baseline, make_recording, run_at

Change = Callable[[dict[str, Any]], None]


def no_figures(summary: dict[str, Any]) -> None:
    """Remove all times."""
    summary["metrics"] = {}


def zero_requests(summary: dict[str, Any]) -> None:
    """Report no request."""
    summary["requests"] = 0
    summary["outcomes"] = {}


def seconds(summary: dict[str, Any]) -> None:
    """Write all times in seconds."""
    for key, row in summary["metrics"].items():
        if not key.endswith("_ms"):
            continue
        row["histogram"] = None
        for name, value in row.items():
            if isinstance(value, float):
                row[name] = value / 1000
        row["figures"] = {prompt: value / 1000 for prompt, value in row["figures"].items()}


def wrong_counts(summary: dict[str, Any]) -> None:
    """Report more requests than outcomes."""
    summary["requests"] += 7


def negative_time(summary: dict[str, Any]) -> None:
    """Report a response before its request."""
    summary["metrics"]["e2e_ms"]["p50"] = -10.0


def negative_figure(summary: dict[str, Any]) -> None:
    """Report a message that took less than nothing."""
    summary["metrics"]["e2e_ms"]["figures"]["greeting"] = -10.0


def fast_median(summary: dict[str, Any]) -> None:
    """Report a better median than the requests have."""
    summary["metrics"]["e2e_ms"]["p50"] *= 0.5


def fast_mean(summary: dict[str, Any]) -> None:
    """Report a better mean than the requests have."""
    for key in ("e2e_ms", "service_ms"):
        summary["metrics"][key]["mean"] *= 0.9


def slow_figure(summary: dict[str, Any]) -> None:
    """Report a typical value above the slowest request."""
    summary["metrics"]["e2e_ms"]["figures"]["greeting"] = 99_000.0


def long_response(summary: dict[str, Any]) -> None:
    """Report a response that took longer than the run."""
    summary["elapsed_s"] = 0.001
    summary["requests_rps"] = None
    for row in summary["metrics"].values():
        row["max"] = None if row["max"] is None else 1e9


def more_successes(summary: dict[str, Any]) -> None:
    """Report a higher rate than the successes make."""
    summary["requests_rps"] *= 3


CHANGES: dict[Change, str] = {
    no_figures: "requests succeeded, but there are no times",
    zero_requests: "a valid run has at least one answered request",
    seconds: "are the times in seconds?",
    wrong_counts: "requests, but 100 outcomes",
    negative_time: "e2e_ms has the value -10 ms",
    negative_figure: "e2e_ms of 'greeting' is -10, and must be above",
    fast_median: "e2e_ms has the median",
    fast_mean: "e2e_ms has the mean",
    slow_figure: "e2e_ms has the maximum",
    long_response: "a response took",
    more_successes: "requests/s in",
}


@pytest.fixture
def run(bench: Bench) -> Path:  # noqa: ARG001 - it changes the folder
    """A stored run with a baseline."""
    baselines.save(make_baseline())
    return Path(results.save(run_at(1.0, 50), make_recording(), Path("results")))


def change_result(run: Path, change: Change) -> None:
    """Change the summary of a stored run."""
    file = run / "result.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    change(content["summary"])
    file.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_no_command_accepts_a_changed_result(change: Change, run: Path, bench: Bench) -> None:
    """Each command names the file and the contradiction, exits with an error and never reports PASS."""
    assert bench("compare", str(run)).code == 0
    change_result(run, change)
    commands = (
        ("compare", str(run)),
        ("report", str(run)),
        ("baseline", "accept", str(run), "--reason", "a test", "--allow-dirty"),
        ("ci", "merge", str(run)),
        ("ci", "history", "add", str(run)),
    )
    for command in commands:
        done = bench(*command)
        output = done.out + done.err
        assert done.code not in {0, 1, 3}, (command, output)
        assert "PASS" not in output
        assert CHANGES[change] in " ".join(output.split()), (command, output)
