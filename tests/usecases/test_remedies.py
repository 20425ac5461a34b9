from pathlib import Path

import pytest

from bench.core.experiment.situation import Situation
from bench.core.report.report import Report
from bench.core.verdict.compare import compare
from bench.usecases.remedies import list_remedies, report_with_advice
from tests.core.report.test_advice import run_with

EXPERIMENT = """
name: slots
hypothesis: More slots help.
helps_with: [waiting]
base: embedded
variants: {more: embedded+OLLAMA_NUM_PARALLEL=8}
scenarios: [quick]
"""


@pytest.fixture(autouse=True)
def experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of experiments of a project with one experiment."""
    folder = tmp_path / "scenarios" / "experiments"
    folder.mkdir(parents=True)
    (folder / "slots.yaml").write_text(EXPERIMENT)
    monkeypatch.chdir(tmp_path)
    return folder


def report(shares: dict[str, float]) -> Report:
    """Return the report of a run whose tiers take these shares of the time."""
    result = run_with(shares)
    return report_with_advice(result, compare(result, None))


def test_the_advice_names_an_experiment_of_the_project() -> None:
    """A run that waits most of the time gets the command of the experiment that was not run."""
    (advice,) = report({"queue": 0.85}).advice
    assert "bench experiment slots" in advice.commands


def test_a_run_without_a_situation_gets_no_advice() -> None:
    """No tier takes most of the time."""
    assert report({"queue": 0.3, "decode": 0.3}).advice == ()


def test_a_broken_experiment_hides_no_report(experiments: Path) -> None:
    """It is left out, and the other experiments are named."""
    (experiments / "broken.yaml").write_text("name: [")
    named = {remedy.name: remedy.situations for remedy in list_remedies()}
    assert named["slots"] == (Situation.WAITING,)
    assert "broken" not in named
