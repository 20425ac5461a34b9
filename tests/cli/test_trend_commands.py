import json
from pathlib import Path
from typing import Any

import pytest

from bench.core.history.trend import RECENT_RUNS
from bench.core.verdict.levels import pin
from bench.errors import Exit
from bench.store import baselines, history, results
from tests.command import Done, bench
from tests.factories import (
    NOON,
    make_baseline,
    make_fingerprint,
    make_history,
    make_provenance,
    make_recording,
    run_at,
)

FOLDER = Path("history")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run_bench(*arguments: str) -> Done:
    """Run a command in this folder."""
    return bench(*arguments, cwd=Path.cwd())


def store(factor: float, number: int, **parts: Any) -> str:
    """Store a run and return its folder."""
    return str(results.save(run_at(factor, number, **parts), make_recording([]), Path("results")))


def write_history(factors: list[float], **parts: Any) -> None:
    """Write a history of runs with these factors."""
    for point in make_history(factors, **parts):
        history.append(FOLDER, point)


def test_runs_are_added_once_and_listed() -> None:
    """`add` prints file and number of runs, a repetition changes nothing, and `list` has the period."""
    homes = [store(1.0, number) for number in (30, 0, 60)]
    added = run_bench("ci", "history", "add", *homes)
    assert (added.code, added.out) == (Exit.PASS, "")
    assert "history/embedded/simulated/quick.jsonl, which has 3 runs" in added.err
    again = run_bench("ci", "history", "add", homes[0], "--history", "history")
    assert "which has 3 runs" in again.err
    listed = run_bench("ci", "history", "list").out.split()
    assert listed[:7] == ["quick", "embedded/simulated", "3", "runs", "2026-01-05", "to", "2026-01-08"]
    assert run_bench("ci", "history", "list", "--history", "elsewhere").out == ""


def test_one_refused_run_refuses_all() -> None:
    """An injected run is refused, and the run before it is not written."""
    worse = store(1.0, 1, provenance=make_provenance("worse", injections={"model.slowdown": 1.3}))
    refused = run_bench("ci", "history", "add", store(1.0, 0), worse)
    assert refused.code == Exit.USAGE
    assert "has injected faults" in refused.err
    assert not FOLDER.exists()


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_a_change_for_the_worse_exits_with_1(form: str) -> None:
    """Each format has the verdict first or in a field, and the exit code is the same."""
    write_history([1.0] * 15 + [1.3] * 10)
    done = run_bench("trend", "quick", "--out", form)
    assert done.code == Exit.REGRESSION
    if form == "json":
        (found,) = json.loads(done.out)
        assert found["decision"] == "fail"
    else:
        assert "Response time became worse on 2026-01-20" in done.out.splitlines()[0]


def test_recent_sets_the_window_of_changes() -> None:
    """The default is the documented one; with another window the same history passes or fails."""
    write_history([1.0] * 12 + [1.3] * (RECENT_RUNS - 2))
    assert run_bench("trend", "quick").code == Exit.REGRESSION
    assert run_bench("trend", "quick", "--recent", "10").code == Exit.PASS
    assert f"default: {RECENT_RUNS};" in " ".join(run_bench("trend", "--help").out.split())


def test_too_few_runs_are_no_pass() -> None:
    """The report has the needed number; the exit is 3, and 1 with --strict."""
    write_history([1.0] * 3)
    loose = run_bench("trend", "quick")
    assert loose.code == Exit.INCONCLUSIVE
    assert "CANNOT TELL: the history has 3 comparable runs, 12 are needed." in loose.out
    assert run_bench("trend", "quick", "--strict").code == Exit.REGRESSION


def test_each_stack_has_a_verdict() -> None:
    """The worst verdict decides the exit; --stack selects one stack."""
    write_history([1.0] * 14)
    write_history([1.0] * 12 + [1.5] * 8, fingerprint=make_fingerprint(stack="mine"))
    both = run_bench("trend", "quick")
    assert both.code == Exit.REGRESSION
    assert [line.split()[0] for line in both.out.splitlines() if line[:4] in {"PASS", "FAIL"}] == [
        "PASS",
        "FAIL",
    ]
    assert run_bench("trend", "quick", "--stack", "embedded").code == Exit.PASS
    unknown = run_bench("trend", "quick", "--stack", "yours")
    assert unknown.code == Exit.MEASUREMENT
    assert "histories: quick on embedded, quick on mine" in unknown.err


def test_drift_from_the_pinned_baseline_exits_with_1() -> None:
    """The history has no change, but differs from the pinned baseline."""
    baselines.save(pin(make_baseline(), reason="release 2.0", by="Tess", at=NOON))
    write_history([1.35] * 14)
    done = run_bench("trend", "quick")
    assert done.code == Exit.REGRESSION
    assert "Drift since the pinned baseline of 2026-01-05: response time is 56 % slower" in done.out
    assert "Compared with the pinned baseline" in done.out


def test_a_wrong_line_is_an_error_with_its_place() -> None:
    """The message has file and line, and the exit is that of an unreadable file."""
    write_history([1.0] * 3)
    (path,) = history.paths(FOLDER)
    path.write_text(path.read_text()[:-30])
    done = run_bench("trend", "quick")
    assert done.code == Exit.MEASUREMENT
    assert f"{path}:3 is not complete JSON" in done.err
