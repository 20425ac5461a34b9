"""`bench report RUN RUN`: several stored runs side by side."""

import json
from pathlib import Path

import pytest

import bench as api
from bench.errors import ConfigError, Exit
from bench.store import baselines, results
from tests.command import Bench
from tests.factories import make_baseline
from tests.render.side_runs import make_measured


def store(factor: float, number: int) -> str:
    """Store a run, and return its folder."""
    result, kept = make_measured(factor, number)
    return str(results.save(result, kept, Path("results")))


def test_two_runs_are_described_on_a_screen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes first, in at most 25 lines; `--verbose` prints every metric."""
    monkeypatch.setenv("COLUMNS", "80")
    runs = [store(1.0, 0), store(1.3, 1)]
    done = bench("report", *runs)
    assert done.code == Exit.PASS
    assert done.out.startswith("In these single runs, run B responds 30 % slower than run A (434 →")
    assert len(done.out.splitlines()) <= 25
    longer = bench("report", *runs, "--verbose")
    assert len(longer.out.splitlines()) > 25
    assert "--verbose" not in longer.out


@pytest.mark.parametrize("form", ["text", "markdown", "json", "csv"])
def test_each_format_is_written(bench: Bench, form: str) -> None:
    """A format goes to stdout or to a file; the file has the complete report."""
    runs = [store(1.0, 0), store(1.3, 1)]
    done = bench("report", *runs, "--out", form)
    assert done.code == Exit.PASS
    to_file = bench("report", *runs, "--out", f"{form}=out/runs.x")
    assert to_file.out == ""
    text = Path("out/runs.x").read_text(encoding="utf-8")
    assert "e2e_ms" in text if form in {"json", "csv"} else "response time" in text


def test_a_page_needs_a_file(bench: Bench) -> None:
    """Several runs have no folder of their own, so the page is written where the option names it."""
    runs = [store(1.0, 0), store(1.3, 1)]
    refused = bench("report", *runs, "--out", "html")
    assert refused.code == Exit.USAGE
    assert "--out html=runs.html" in refused.err
    assert bench("report", *runs, "--out", "html=out/runs.html").code == Exit.PASS
    assert Path("out/runs.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_run_without_stored_requests_keeps_its_numbers(bench: Bench) -> None:
    """Only its curves over time are missing, and the page names it."""
    runs = [store(1.0, 0), store(1.2, 1), store(1.3, 2)]
    for file in Path(runs[2]).iterdir():
        if file.name != "result.json":
            file.unlink()
    assert bench("report", *runs, "--out", "html=runs.html").code == Exit.PASS
    assert "their requests are not stored: run C" in Path("runs.html").read_text(encoding="utf-8")


def test_bad_input_is_refused(bench: Bench) -> None:
    """The same run twice, eleven runs, and a baseline are usage errors with a hint."""
    first = store(1.0, 0)
    second = store(1.1, 1)
    twice = bench("report", first, second, f"{first}/result.json")
    assert twice.code == Exit.USAGE
    assert "is named twice" in twice.err
    judged = bench("report", first, second, "--baseline", "b.json")
    assert judged.code == Exit.USAGE
    assert "bench compare" in judged.err
    many = bench("report", *(store(1.0, number) for number in range(11)))
    assert many.code == Exit.USAGE
    assert "at most 10" in many.err
    unknown = bench("report", first, second, "--out", "junit")
    assert unknown.code == Exit.USAGE
    assert bench("report").code == Exit.USAGE


def test_missing_and_broken_results_are_named(bench: Bench) -> None:
    """The message has the path."""
    first = store(1.0, 0)
    missing = bench("report", first, "results/none")
    assert missing.code == Exit.MEASUREMENT
    assert "results/none" in missing.err
    broken = Path(store(1.0, 1)) / "result.json"
    broken.write_text(json.dumps({"schema_version": 1}))
    done = bench("report", first, str(broken))
    assert done.code == Exit.MEASUREMENT
    assert str(broken) in done.err


def test_one_run_is_reported_as_before(bench: Bench) -> None:
    """A single run is judged against its baseline."""
    baselines.save(make_baseline())
    done = bench("report", store(1.4, 0))
    assert done.code == Exit.PASS
    assert "run A" not in done.out


@pytest.mark.usefixtures("bench")
def test_the_python_api_returns_the_report() -> None:
    """`bench.side_by_side` returns the complete text of a format, and raises the errors of the command."""
    runs = [store(1.0, 0), store(1.3, 1)]
    assert api.side_by_side(runs).startswith("In these single runs, run B responds 30 % slower")
    assert json.loads(api.side_by_side(runs, "json"))["runs"][1]["letter"] == "B"
    with pytest.raises(ConfigError, match="unknown format"):
        api.side_by_side(runs, "pdf")
