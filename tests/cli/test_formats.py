from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.cli.judging import Format
from bench.core.report.report import Report
from bench.errors import Exit
from bench.store import baselines, history, results
from tests.command import Bench, short_scenario
from tests.factories import make_baseline, make_point, make_recording, run_at

FILES = {
    "text": "report.txt",
    "markdown": "report.md",
    "json": "report.json",
    "junit": "junit.xml",
    "csv": "samples.csv",
    "html": "report.html",
}
ALL = [word for form in FILES for word in ("--format", form)]


def _home() -> Path:
    baselines.save(make_baseline())
    return results.save(run_at(1.4), make_recording(), Path("results"))


def test_every_format_has_a_file_of_its_own() -> None:
    """No two formats would write to the same file, and none to one that a run has already."""
    assert {each.value: each.file for each in Format} == FILES
    taken = {results.RESULT, results.RECORDING, results.SAMPLES, "comparison.json", "base.json"}
    assert not set(FILES.values()) & taken


@pytest.mark.parametrize("form", [form for form in FILES if form != "html"])
def test_report_says_again_what_was_judged(bench: Bench, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stored run is reported in each format, on stdout or in a file, with exit 0 whatever the verdict."""
    monkeypatch.setenv("COLUMNS", "100")
    home = str(_home())
    done = bench("report", home, "--format", form)
    assert done.code == Exit.PASS
    assert ("e2e_ms" if form == "csv" else "egressed") in done.out
    to_file = bench("report", home, "--format", form, "-o", "out/report.x")
    assert to_file.out == ""
    assert Path("out/report.x").read_bytes().decode().replace("\r\n", "\n") == done.out.replace("\r\n", "\n")


def test_several_formats_are_files_in_the_runs_folder(bench: Bench) -> None:
    """Each goes to a file of its name beside the result, nothing to stdout, and each file is named."""
    home = _home()
    done = bench("report", str(home / "result.json"), *ALL)
    assert (done.code, done.out) == (Exit.PASS, "")
    assert done.err.splitlines() == [f"written to {home / name}" for name in FILES.values()]
    assert Report.model_validate_json((home / "report.json").read_text()).decision == "fail"
    assert (home / "report.txt").read_text().startswith("FAIL Response time regressed")
    assert (home / "report.md").read_text().startswith("## 🔴 quick")
    assert ET.fromstring((home / "junit.xml").read_text()).get("failures") == "2"  # noqa: S314 - it is ours
    assert len((home / "samples.csv").read_text().splitlines()) == 101


def test_a_folder_can_be_named(bench: Bench) -> None:
    """With --output-dir one format is a file as well, and one that was named twice is written once."""
    home = str(_home())
    done = bench("report", home, "--format", "json", "--format", "json", "--output-dir", "out/deep")
    assert (done.out, done.err) == ("", "written to out/deep/report.json\n")
    assert [path.name for path in Path("out/deep").iterdir()] == ["report.json"]


@pytest.mark.parametrize("more", [["--format", "csv"], ["--output-dir", "out"]])
def test_one_file_is_for_one_format(bench: Bench, more: list[str]) -> None:
    """--output beside several formats or a folder is refused, with what to write instead."""
    done = bench("report", str(_home()), "--format", "json", *more, "-o", "x.json")
    assert done.code == Exit.USAGE
    assert "hint: --output-dir takes several" in done.err
    assert not Path("x.json").exists()


def test_an_unknown_format_names_those_that_there_are(bench: Bench) -> None:
    """A format that there is none of is a usage error."""
    done = bench("report", str(_home()), "--format", "pdf")
    assert done.code == Exit.USAGE
    assert "'junit'" in done.err


def test_requests_that_were_not_kept_are_said(bench: Bench) -> None:
    """A copy of a result alone has no table of requests, and no half of one is left."""
    home = _home()
    Path("alone").mkdir()
    (home / "result.json").rename("alone/result.json")
    done = bench("report", "alone", "--format", "csv", "--output-dir", "out")
    assert done.code == Exit.MEASUREMENT
    assert "there are no requests at alone/samples.jsonl.gz" in done.err
    assert not list(Path("out").iterdir())
    assert bench("report", "alone", "--format", "junit").code == Exit.PASS


def test_compare_has_every_format(bench: Bench) -> None:
    """Whatever it is written as, the exit is the verdict's."""
    home = str(_home())
    for form in FILES:
        assert bench("compare", home, "--format", form).code == Exit.REGRESSION


def test_what_a_command_has_not_is_refused_first(bench: Bench) -> None:
    """Several scenarios and two versions have no table of requests, a trend has no tests."""
    history.append(Path("history"), make_point())
    for arguments in (
        ("merge", str(_home()), "--format", "csv"),
        ("ab", "embedded", "embedded", "--format", "csv"),
        ("trend", "quick", "--format", "junit"),
    ):
        done = bench(*arguments)
        assert done.code == Exit.USAGE
        assert f"--format {arguments[-1]}: this command has text, markdown, json" in done.err


def test_check_prints_one_report_and_keeps_the_others(bench: Bench) -> None:
    """The first format is on stdout, the others are in the run's folder, and Markdown always is."""
    forms = ("--format", "junit", "--format", "csv", "--format", "text")
    done = bench("check", str(short_scenario(Path.cwd())), "--no-calibration", *forms)
    assert ET.fromstring(done.out).get("name") == "short"  # noqa: S314 - it is ours
    (home,) = Path("results").iterdir()
    assert {"report.md", "report.txt", "samples.csv", "comparison.json"} <= {
        each.name for each in home.iterdir()
    }
    assert not (home / "junit.xml").exists()
    requests = results.load(home).summary.requests
    assert len((home / "samples.csv").read_text().splitlines()) >= requests + 1
    assert f"written to {home / 'samples.csv'}" in done.err
