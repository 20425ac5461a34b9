"""The page of the results of experiments."""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.core.experiment.experiment_result import ExperimentResult
from bench.core.experiment.judgement import CellRuns, ExperimentJudge
from benchmarks.experiments import page
from tests.core.experiment.simulated import make_experiment, measure_cell


def _result(*, with_grid: bool = False) -> ExperimentResult:
    """The result of a simulated experiment whose variant takes half of the time."""
    experiment = make_experiment()
    cell = measure_cell(experiment, 1, latency_ms=200.0)
    if with_grid:
        experiment = make_experiment(variants={}, grid={"factors": {"N": ["1"]}, "costs": []}, claims=[])
        blocks = [{"base": block["base"], "N=1": block["variant"]} for block in cell.blocks]
        cell = CellRuns(cell.scenario, cell.load, [*blocks])
    judge = ExperimentJudge(experiment, 1)
    claims = judge.judge_claims([cell])
    return ExperimentResult(
        name=experiment.name,
        run_id="20260105T120000Z-example-0000",
        hypothesis=experiment.hypothesis,
        promise="twice as fast",
        started_at=datetime(2026, 1, 5, tzinfo=UTC),
        system="linux",
        cpu_count=2,
        simulated=True,
        versions={name: variant.version for name, variant in experiment.versions.items()},
        verdict=claims[0].verdict if claims else None,
        claims=claims,
        cells=(judge.judge_cell(cell),),
        pareto=judge.list_points([cell]),
    )


@pytest.fixture(autouse=True)
def _pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PICTURES", tmp_path)


def test_the_page_has_each_promise_with_its_verdict() -> None:
    """A reader learns promise, measured result, verdict and effects."""
    text = page.write_page([_result()])
    row = r"\| \[twice as fast\]\(#example\) \| 🟢 response time `-40%..-60%`: .\d+ % \| 🟢 supported \|"
    assert re.search(row, text)
    assert re.search(r"- variant helps at its own load: mean response time .\d+ %", text)
    assert "](../pictures/experiments/example.svg)" in text


def test_each_chart_is_a_complete_picture(tmp_path: Path) -> None:
    """The charts are XML with a name, and the marks have the tone of their verdicts."""
    page.write_page([_result()])
    picture = (tmp_path / "example.svg").read_text(encoding="utf-8")
    assert ET.fromstring(picture).get("aria-label") == "Effects of the experiment example"  # noqa: S314 - our own
    assert 'class="better"' in picture


def test_a_grid_has_its_front() -> None:
    """The versions of a grid are shown in one chart, and the front is named."""
    text = page.write_page([_result(with_grid=True)])
    assert "On the Pareto front of response time, throughput and costs:" in text
    assert "](../pictures/experiments/example-front.svg)" in text
