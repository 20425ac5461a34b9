"""Each Ctrl-C ends with a message: what is stored, and the next step."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bench
from bench.core.run.result import RunResult
from bench.core.run.run_start import RUNS
from bench.core.samples.sample import Stop, StopCause
from bench.errors import StoreError
from bench.measure.machine.signals import finish_first
from bench.owners.process import Owner
from bench.store import baselines, results
from bench.store.sample_files import write_start
from bench.usecases import check
from bench.usecases.interruption import explain_interrupt
from bench.usecases.run import check_stop
from tests.factories import make_baseline, make_recording, make_run, make_sample, run_at
from tests.store.test_sample_files import make_start

WELL, SLOW = 1.0, 1.4
INTERRUPT = "interrupt"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    baselines.save(make_baseline())


def interrupt(folder: Path, *words: str) -> str:
    """Return the message of an interruption."""
    with pytest.raises(KeyboardInterrupt) as caught, explain_interrupt(folder):
        raise KeyboardInterrupt(*words)
    return str(caught.value)


def test_without_a_request_the_message_says_that_nothing_is_stored(tmp_path: Path) -> None:
    """It names the next step; a run of another process is not this one's."""
    write_start(tmp_path / "other", make_start())
    message = interrupt(tmp_path)
    assert "nothing is stored" in message
    assert message.splitlines()[-1].startswith("next: ")


@pytest.mark.parametrize("place", ["mine", f"search/{RUNS}/001"])
def test_unfinished_requests_are_named(tmp_path: Path, place: str) -> None:
    """If the process had begun to store requests, the message has the command that finishes the run."""
    write_start(tmp_path / place, make_start().model_copy(update={"owner": str(Owner.current())}))
    assert interrupt(tmp_path).splitlines()[-1] == f"next: bench recover {tmp_path / place}"


def test_a_message_is_kept(tmp_path: Path) -> None:
    """A more exact message of a step has priority."""
    assert interrupt(tmp_path, "exact") == "exact"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_step_is_finished_first(number: signal.Signals) -> None:
    """A signal during the step waits for its end; then the message describes what the step did."""
    done: list[str] = []

    def step() -> None:
        with finish_first(lambda: f"wrote {done[0]}"):
            os.kill(os.getpid(), number)
            done.append("all")

    with pytest.raises(KeyboardInterrupt, match="wrote all"):
        step()


Press = Callable[[str, Callable[..., Any]], None]


@pytest.fixture
def press(monkeypatch: pytest.MonkeyPatch) -> Press:
    """Press Ctrl-C while a function runs, before its work."""

    def replace_function(name: str, function: Callable[..., Any]) -> None:
        def interrupted(*values: Any, **named: Any) -> Any:
            os.kill(os.getpid(), signal.SIGINT)
            return function(*values, **named)

        monkeypatch.setattr(name, interrupted)

    return replace_function


def script(monkeypatch: pytest.MonkeyPatch, *slowdowns: float | str, interrupted: int = 0) -> None:
    """Replace measurements by results; `interrupt` stands for Ctrl-C before the load.

    Args:
        monkeypatch: Replaces the function.
        slowdowns: The runs.
        interrupted: Number of the run that had Ctrl-C after its load; 0 for none.
    """
    rows = list(enumerate(slowdowns, 1))

    def measure(*_: object) -> tuple[RunResult, object]:
        number, slowdown = rows.pop(0)
        if isinstance(slowdown, str):
            raise KeyboardInterrupt
        return run_at(slowdown, number), replace(make_recording(), is_interrupted=number == interrupted)

    monkeypatch.setattr("bench.usecases.run.measure", measure)


def end(command: Callable[..., object], *values: object) -> list[str]:
    """Return the lines of the message of the interruption that ends a command."""
    with pytest.raises(KeyboardInterrupt) as caught:
        command(*values)
    lines: list[str] = []
    for text in caught.value.args:
        lines += str(text).splitlines()
    return lines


def test_ctrl_c_before_the_load_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is stored, and the message says so."""
    script(monkeypatch, INTERRUPT)
    assert "nothing is stored" in end(bench.run, "quick")[0]


@pytest.mark.parametrize("command", [bench.run, bench.check])
def test_ctrl_c_while_a_run_is_saved(
    monkeypatch: pytest.MonkeyPatch, press: Press, command: Callable[..., object]
) -> None:
    """The run is complete in its folder, and the message names the folder and a command."""
    script(monkeypatch, WELL)
    press("bench.store.results.save_anywhere", results.save_anywhere)
    folder = Path("results", run_at(WELL, 1).provenance.run_id)
    assert end(command, "quick")[-1] == f"next: bench report {folder}"
    assert results.load(folder).summary.requests > 0


@pytest.mark.parametrize("step", ["judge_run", "store_judgement"])
def test_ctrl_c_during_the_judgement(monkeypatch: pytest.MonkeyPatch, press: Press, step: str) -> None:
    """The run is kept, and the message names the command that judges it."""
    script(monkeypatch, WELL)
    press(f"bench.usecases.check.{step}", vars(check)[step])
    folder = Path("results", run_at(WELL, 1).provenance.run_id)
    assert end(bench.check, "quick")[-1] == f"next: bench compare {folder}"
    assert bench.compare(folder).report.result.summary.requests > 0


@pytest.mark.parametrize("slowdowns", [(SLOW, INTERRUPT), (SLOW,)])
def test_ctrl_c_before_and_in_the_confirmation(
    monkeypatch: pytest.MonkeyPatch, slowdowns: tuple[float | str, ...]
) -> None:
    """The message names the run that looked worse; after Ctrl-C no confirmation starts."""
    script(monkeypatch, *slowdowns, interrupted=2 - len(slowdowns))
    folder = Path("results", run_at(SLOW, 1).provenance.run_id)
    assert end(bench.check, "quick")[:2] == [
        f"interrupted; a run that looks worse, without its confirmation, is in {folder}",
        f"next: bench compare {folder}",
    ]


@pytest.mark.parametrize("command", [bench.run, bench.noise])
def test_ctrl_c_after_the_load_is_the_end(
    monkeypatch: pytest.MonkeyPatch, command: Callable[..., object]
) -> None:
    """The run is complete and kept, and no further run starts."""
    script(monkeypatch, WELL, interrupted=1)
    folder = Path("results", run_at(WELL, 1).provenance.run_id)
    assert end(command, "quick") == [
        f"interrupted; the complete run is in {folder}",
        f"next: bench report {folder}",
    ]
    assert results.load(folder).summary.requests > 0


@pytest.mark.parametrize(("slowdowns", "interrupted"), [((WELL,), 1), ((SLOW, SLOW), 2)])
def test_ctrl_c_after_the_last_load_of_a_check(
    monkeypatch: pytest.MonkeyPatch, slowdowns: tuple[float, ...], interrupted: int
) -> None:
    """The run is judged, and the command ends, so that no other scenario of a job starts."""
    script(monkeypatch, *slowdowns, interrupted=interrupted)
    folder = Path("results", run_at(slowdowns[0], 1).provenance.run_id)
    assert end(bench.check, "quick") == [
        f"interrupted; the run and its reports are in {folder}",
        f"next: bench compare {folder}",
    ]
    assert (folder / results.COMPARISON).is_file()


def test_ctrl_c_after_an_unusable_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    """No third run starts."""
    script(monkeypatch, SLOW, SLOW, interrupted=2)
    monkeypatch.setattr("bench.usecases.check.explain_unusable", lambda _: "the run is invalid")
    assert "without its confirmation" in end(bench.check, "quick")[0]


def test_ctrl_c_while_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says that the run is not stored; requests that were stored before can be recovered."""

    def refuse(*_: object) -> None:
        raise StoreError("no space left on the disk")

    script(monkeypatch, WELL, interrupted=1)
    monkeypatch.setattr("bench.store.results._write", refuse)
    folder = Path("results", run_at(WELL, 1).provenance.run_id)
    write_start(folder, make_start())
    first, next_step = end(bench.run, "quick")
    assert first.startswith("interrupted; no space left on the disk; also not in ")
    assert next_step == f"next: bench recover {folder}"


@pytest.mark.parametrize(("count", "words"), [(1, "1 request is kept"), (2, "2 requests are kept")])
def test_the_requests_of_an_interrupted_run_are_counted(count: int, words: str) -> None:
    """One request is no plural."""
    stop = Stop(cause=StopCause.INTERRUPT, reason="interrupted")
    run = make_run(make_recording([make_sample(seq) for seq in range(count)], stop=stop))
    with pytest.raises(KeyboardInterrupt, match=words):
        check_stop(run, Path("results"))
