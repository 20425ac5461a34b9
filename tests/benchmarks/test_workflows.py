"""The page about the workflows: its tables from the stored cases."""

from pathlib import Path

import pytest

from benchmarks.workflows.document import GREEN, RED, cases_section, steps_section
from benchmarks.workflows.journal import Case, Check, Run, Step, read_cases

_CHECK = Check(name="bench pr", head_sha="0" * 40, conclusion="success", title="No change.")


def _case(name: str, measure_s: float) -> Case:
    steps = [
        Step(job="measure", name="actions/checkout@0", stage="Main", result="success", seconds=2.0),
        Step(job="measure", name="actions/checkout@0", stage="Main", result="success", seconds=3.0),
        Step(job="measure", name="bench ci measure", stage="Main", result="success", seconds=measure_s),
        Step(job="measure", name="./chatbench", stage="Main", result="success", seconds=measure_s),
        Step(job="measure", name="actions/checkout@0", stage="Post", result="success", seconds=1.0),
        Step(job="publish", name="bench ci publish", stage="Main", result="success", seconds=4.0),
    ]
    jobs = {"measure": "success", "publish": "success"}
    run = Run(workflow="bench.yml", event="pull_request", conclusion="success", jobs=jobs, steps=steps)
    skipped = Run(workflow="other.yml", event="workflow_run", conclusion="skipped", jobs={}, steps=[])
    return Case(case=name, law="A law.", outcome="passed", runs=[run, skipped], checks=[_CHECK], comments=[])


def test_a_step_counts_once() -> None:
    """The steps of an action of this project count, and not the action that contains them."""
    text = steps_section({GREEN: _case(GREEN, 60.0), RED: _case(RED, 90.0)})
    assert "| measure: actions/checkout | 5.0 | 5.0 | 2 |" in text
    assert "| measure: bench ci measure | 60.0 | 90.0 | 60 |" in text
    assert "| **measure** | **66** | **96** |" in text
    assert "./chatbench" not in text


def test_a_case_shows_its_jobs_and_checks() -> None:
    """A workflow run in which no job ran is not listed."""
    text = cases_section({GREEN: _case(GREEN, 60.0)})
    assert text.splitlines()[-1] == (
        "| unchanged | passed | `pull_request`: measure success, publish success | "
        '"bench pr" success: No change. |'
    )


@pytest.mark.parametrize("seconds", [30.0, 50.0])
def test_the_newest_entry_of_a_case_counts(tmp_path: Path, seconds: float) -> None:
    """A case that ran again replaces its older entry."""
    file = tmp_path / "journal"
    entries = [_case(GREEN, 10.0), _case(GREEN, seconds)]
    file.write_text("".join(f"{case.model_dump_json()}\n" for case in entries))
    (case,) = read_cases(file).values()
    assert case.runs[0].steps[2].seconds == seconds
