"""Conditions that a reader must know before the numbers."""

from typing import Any

import pytest

from bench.core.calibration.calibration import Calibration
from bench.core.report.cautions import list_cautions
from bench.core.report.report import Report
from bench.core.run.delays import LoopDelays
from bench.core.watch.host import Host
from tests.render.reports import reports

REPORTS = reports()


def changed(**fields: Any) -> Report:
    """Return a report on a run with other fields."""
    quiet = REPORTS["pass"]
    return quiet.model_copy(update={"result": quiet.result.model_copy(update=fields)})


def labels(report: Report) -> dict[str, str]:
    """Return the cautions by label."""
    return {caution.label: caution.text for caution in list_cautions(report)}


def test_a_usual_run_has_no_caution() -> None:
    """Nothing stands above the verdict if there is nothing to know."""
    assert list_cautions(REPORTS["pass"]) == ()


@pytest.mark.parametrize(
    ("fields", "label", "text"),
    [
        (
            {"overrides": ("--vus 5", "--duration 10s")},
            "Other options than the scenario",
            "--vus 5 --duration 10s",
        ),
        ({"host": Host(cores=2, load_at_start=7.5)}, "Busy machine", "load 7.5 on 2 cores at the start"),
        ({"host": Host(stolen_ratio=0.3)}, "Busy machine", "30 % of the time stolen by other guests"),
        ({"host": Host(throttled_ratio=0.2)}, "Busy machine", "20 % of the time throttled"),
        (
            {"calibration": Calibration(load="1 VU", after=None, shared_cores=1)},
            "Calibration not valid",
            "the load generator and the calibration server shared 1 core",
        ),
    ],
)
def test_each_condition_is_named(fields: dict[str, Any], label: str, text: str) -> None:
    """Other options, a busy machine and an invalid calibration have a few words each."""
    assert labels(changed(**fields)) == {label: text}


def test_a_machine_within_its_limits_is_not_busy() -> None:
    """The limits are those that make a run invalid, and one runnable process for each core."""
    assert (
        labels(changed(host=Host(cores=4, load_at_start=3.9, stolen_ratio=0.09, throttled_ratio=0.04))) == {}
    )


def test_injected_faults_come_first() -> None:
    """A run that was slowed down on purpose says so before anything else, also with uncommitted changes."""
    provenance = REPORTS["pass"].result.provenance.model_copy(
        update={"injections": {"model.slowdown": 1.3}, "dirty": True}
    )
    assert list(labels(changed(provenance=provenance)).items()) == [
        ("Made worse on purpose", "model.slowdown=1.3"),
        ("Uncommitted changes", "the commit is not the complete version"),
    ]


def test_a_late_load_generator_is_named() -> None:
    """The number of delayed requests and the longest delay."""
    summary = REPORTS["pass"].result.summary.model_copy(
        update={"loop_delays": LoopDelays(longest_turn_ms=2_400.0, delayed_requests=3)}
    )
    assert labels(changed(summary=summary)) == {"Late load generator": "3 requests delayed by up to 2.4 s"}


def test_interruptions_and_other_machines_are_named() -> None:
    """A long reason is shortened; the page has all of it below."""
    assert len(labels(REPORTS["interrupted"])["Interrupted"]) <= 90
    assert labels(REPORTS["shifted"])["Other machine than the baseline"] == "25 % slower"
