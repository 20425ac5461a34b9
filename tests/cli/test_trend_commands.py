import json
from pathlib import Path
from typing import Any

import pytest

from bench.core.history.trend import RECENT_RUNS
from bench.core.verdict.baseline import pin
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


def said(*arguments: str) -> Done:
    """What a command says here."""
    return bench(*arguments, cwd=Path.cwd())


def kept(factor: float, number: int, **parts: Any) -> str:
    """A stored run's folder."""
    return str(results.save(run_at(factor, number, **parts), make_recording([]), Path("results")))


def known(factors: list[float], **parts: Any) -> None:
    """A history of runs with these factors."""
    for point in make_history(factors, **parts):
        history.append(FOLDER, point)


def test_runs_are_added_once_and_listed() -> None:
    """Adding says where and how many there are, twice changes nothing, and the list has the time between."""
    homes = [kept(1.0, number) for number in (30, 0, 60)]
    added = said("ci", "history", "add", *homes)
    assert (added.code, added.out) == (Exit.PASS, "")
    assert "history/embedded/simulated/quick.jsonl, which has 3 runs" in added.err
    again = said("ci", "history", "add", homes[0], "--history", "history")
    assert "which has 3 runs" in again.err
    listed = said("ci", "history", "list").out.split()
    assert listed[:7] == ["quick", "embedded/simulated", "3", "runs", "2026-01-05", "to", "2026-01-08"]
    assert said("ci", "history", "list", "--history", "elsewhere").out == ""


def test_of_runs_that_are_added_together_none_is_when_one_cannot_be() -> None:
    """A run that was made worse is refused, and the one before it is not written."""
    worse = kept(1.0, 1, provenance=make_provenance("worse", injections={"model.slowdown": 1.3}))
    refused = said("ci", "history", "add", kept(1.0, 0), worse)
    assert refused.code == Exit.USAGE
    assert "has injected faults" in refused.err
    assert not FOLDER.exists()


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_a_change_for_the_worse_exits_with_1(form: str) -> None:
    """In each format the judgement stands first or as a field, and the exit is the same."""
    known([1.0] * 15 + [1.3] * 10)
    done = said("trend", "quick", "--out", form)
    assert done.code == Exit.REGRESSION
    if form == "json":
        (found,) = json.loads(done.out)
        assert found["decision"] == "fail"
    else:
        assert "Response time became worse on 2026-01-20" in done.out.splitlines()[0]


def test_how_far_back_a_change_may_lie_is_an_option() -> None:
    """By default it is as the documents say; with another window the same history passes or fails."""
    known([1.0] * 12 + [1.3] * (RECENT_RUNS - 2))
    assert said("trend", "quick").code == Exit.REGRESSION
    assert said("trend", "quick", "--recent", "10").code == Exit.PASS
    assert f"default: {RECENT_RUNS};" in " ".join(said("trend", "--help").out.split())


def test_too_few_runs_are_no_failure_unless_asked_for() -> None:
    """It says how many are needed and exits with 0, or with 3 under --strict."""
    known([1.0] * 3)
    loose = said("trend", "quick")
    assert loose.code == Exit.PASS
    assert "Cannot tell: the history has 3 comparable runs, 12 are needed." in loose.out
    assert said("trend", "quick", "--strict").code == Exit.INCONCLUSIVE


def test_each_stack_is_judged_and_one_can_be_named() -> None:
    """The worst decides the exit; a stack that is not named is not looked at."""
    known([1.0] * 14)
    known([1.0] * 12 + [1.5] * 8, fingerprint=make_fingerprint(stack="mine"))
    both = said("trend", "quick")
    assert both.code == Exit.REGRESSION
    assert [line.split()[0] for line in both.out.splitlines() if line[:4] in {"PASS", "FAIL"}] == [
        "PASS",
        "FAIL",
    ]
    assert said("trend", "quick", "--stack", "embedded").code == Exit.PASS
    unknown = said("trend", "quick", "--stack", "yours")
    assert unknown.code == Exit.MEASUREMENT
    assert "histories: quick on embedded, quick on mine" in unknown.err


def test_what_crept_since_the_anchor_exits_with_1() -> None:
    """A history without any change, beside the anchor of the committed baseline."""
    baselines.save(pin(make_baseline(), reason="release 2.0", by="Tess", at=NOON))
    known([1.35] * 14)
    done = said("trend", "quick")
    assert done.code == Exit.REGRESSION
    assert "Drift: response time +" in done.out
    assert "Compared with the pinned baseline" in done.out


def test_a_wrong_line_is_an_error_with_its_place() -> None:
    """The message has file and line, and the exit is that of a file that cannot be read."""
    known([1.0] * 3)
    (path,) = history.paths(FOLDER)
    path.write_text(path.read_text()[:-30])
    done = said("trend", "quick")
    assert done.code == Exit.MEASUREMENT
    assert f"{path}:3 is not complete JSON" in done.err
