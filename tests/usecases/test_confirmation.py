"""The runs of `bench check` after a suspect run, with scripted results in place of measurements."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import bench
from bench.core.run.result import RunResult
from bench.core.run.validity import Validity
from bench.core.samples.sample import Stop, StopCause
from bench.core.verdict.compare import Decision
from bench.errors import ConfigError, TargetError
from bench.measure.run.conditions import Listener
from bench.store import baselines, results
from tests.factories import make_baseline, make_recording, run_at

WELL, SLOW = 1.0, 1.4
INVALID: dict[str, object] = {"validity": Validity(valid=False, reasons=("the load generator was late",))}
ENDED: dict[str, object] = {
    "stop": Stop(cause=StopCause.TARGET, reason="the model died"),
    "validity": Validity(valid=False, reasons=("the run ended early: the model died",)),
}
Script = Sequence[tuple[float, dict[str, object]] | Exception]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    baselines.save(make_baseline())


def make_runs(script: Script) -> list[RunResult | Exception]:
    """Return a result for each row of a script: its slowdown and its changes."""
    runs: list[RunResult | Exception] = []
    for number, row in enumerate(script, 1):
        if isinstance(row, Exception):
            runs.append(row)
        else:
            runs.append(run_at(row[0], number).model_copy(update=row[1]))
    return runs


def check(monkeypatch: pytest.MonkeyPatch, script: Script) -> tuple[bench.JudgedRun, list[str], int]:
    """Check `quick`; return the verdict, the notes, and the number of runs that were not needed."""
    runs = make_runs(script)

    def measure(*_: object) -> tuple[RunResult, object]:
        run = runs.pop(0)
        if isinstance(run, Exception):
            raise run
        return run, make_recording()

    monkeypatch.setattr("bench.usecases.run.measure", measure)
    notes: list[str] = []
    judged = bench.check("quick", listener=Listener(note=notes.append, warning=notes.append))
    return judged, notes, len(runs)


@pytest.mark.parametrize(
    "second",
    [(SLOW, INVALID), (SLOW, ENDED), (WELL, INVALID), TargetError("the stack did not start")],
)
@pytest.mark.parametrize(("third", "decision"), [(SLOW, Decision.FAIL), (WELL, Decision.PASS)])
def test_a_third_run_replaces_an_unusable_second_one(
    monkeypatch: pytest.MonkeyPatch,
    second: tuple[float, dict[str, object]] | Exception,
    third: float,
    decision: Decision,
) -> None:
    """The third run confirms the regression or refutes it, whatever the second one looked like."""
    judged, notes, left = check(monkeypatch, [(SLOW, {}), second, (third, {})])
    assert judged.decision is decision
    assert judged.report.comparison.confirmed_by == run_at(1.0, 3).provenance.run_id
    assert any("a third time" in note for note in notes)
    assert left == 0


@pytest.mark.parametrize("unusable", [INVALID, ENDED])
def test_a_suspect_run_without_a_valid_second_run_is_not_measured(
    monkeypatch: pytest.MonkeyPatch, unusable: dict[str, object]
) -> None:
    """Two unusable runs are not a pass: the decision is invalid and names the reason."""
    judged, _, left = check(monkeypatch, [(SLOW, {}), (SLOW, INVALID), (SLOW, unusable)])
    assert judged.decision is Decision.INVALID
    assert "confirmation run" in judged.report.headline
    assert left == 0


def test_a_usable_second_run_needs_no_third(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two valid runs decide; a run that is not suspect decides alone."""
    assert check(monkeypatch, [(SLOW, {}), (SLOW, {}), (WELL, {})])[2] == 1
    assert check(monkeypatch, [(WELL, {}), (SLOW, {})])[2] == 1


@pytest.mark.parametrize(
    ("script", "decision"),
    [
        ([(SLOW, {}), (SLOW, INVALID)], Decision.INVALID),
        ([(SLOW, {}), (SLOW, INVALID), (WELL, {})], Decision.PASS),
        ([(SLOW, {}), (WELL, INVALID), (SLOW, {})], Decision.FAIL),
        ([(SLOW, INVALID), (WELL, {})], Decision.PASS),
        ([(SLOW, INVALID), (SLOW, {})], Decision.FAIL),
        ([(SLOW, INVALID)], Decision.INVALID),
        ([(WELL, {}), (SLOW, INVALID)], Decision.PASS),
    ],
)
def test_merge_replaces_unusable_runs_in_the_same_way(script: Script, decision: Decision) -> None:
    """The runs of several jobs are judged like those of one command."""
    stored: list[Path] = []
    for run in make_runs(script):
        assert isinstance(run, RunResult)
        stored.append(results.save(run, make_recording(), Path("results")))
    assert bench.merge(stored).decision is decision


def test_merge_refuses_a_third_usable_run() -> None:
    """Three valid runs of a scenario have no rule."""
    stored: list[Path] = []
    for number in range(3):
        stored.append(results.save(run_at(1.4, number), make_recording(), Path("results")))
    with pytest.raises(ConfigError, match="has 3 runs"):
        bench.merge(stored)
