import importlib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.core.report.report import Report
from bench.errors import Exit
from bench.render.document.format import Format
from bench.render.formats import RUN_FORMATS
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
ALL = [word for form in FILES for word in ("--out", form)]


def _home() -> Path:
    baselines.save(make_baseline())
    return results.save(run_at(1.4), make_recording(), Path("results"))


def test_every_format_has_a_file_of_its_own() -> None:
    """No two formats would write to the same file, and none to one that a run has already."""
    assert {form.name: form.file for form in RUN_FORMATS.values()} == FILES
    taken = {results.RESULT, results.RECORDING, results.SAMPLES, "comparison.json", "base.json"}
    assert not set(FILES.values()) & taken


@pytest.mark.parametrize("form", [form for form in FILES if form != "html"])
def test_report_says_again_what_was_judged(bench: Bench, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stored run is reported in each format, on stdout or in a file, with exit 0 whatever the verdict."""
    monkeypatch.setenv("COLUMNS", "100")
    home = str(_home())
    done = bench("report", home, "--out", form)
    assert done.code == Exit.PASS
    assert ("e2e_ms" if form == "csv" else "egressed") in done.out
    to_file = bench("report", home, "--out", f"{form}=out/report.x")
    assert to_file.out == ""
    assert Path("out/report.x").read_bytes().decode().replace("\r\n", "\n") == done.out.replace("\r\n", "\n")


def test_the_first_format_goes_to_stdout_and_the_others_into_the_runs_folder(bench: Bench) -> None:
    """Each other format goes to a file of its name beside the result, and the command names each file."""
    home = _home()
    done = bench("report", str(home / "result.json"), *ALL)
    assert done.code == Exit.PASS
    assert done.out.startswith("FAIL Response time regressed")
    files = [home / name for form, name in FILES.items() if form != "text"]
    assert done.err.splitlines() == [f"written to {path}" for path in files]
    assert Report.model_validate_json((home / "report.json").read_text()).decision == "fail"
    assert not (home / "report.txt").exists()
    assert (home / "report.md").read_text().startswith("## 🔴 quick")
    assert ET.fromstring((home / "junit.xml").read_text()).get("failures") == "2"  # noqa: S314 - it is ours
    assert len((home / "samples.csv").read_text().splitlines()) == 101


def test_files_can_be_named(bench: Bench) -> None:
    """A format with a file goes there, in a folder that is created, and a repeated output once."""
    home = str(_home())
    done = bench("report", home, "--out", "json=out/deep/a.json", "--out", "json=out/deep/a.json")
    assert (done.out, done.err) == ("", "written to out/deep/a.json\n")
    both = bench("report", home, "--out", "json=out/deep/b.json", "--out", "text=out/deep/b.txt")
    assert (both.code, both.out) == (Exit.PASS, "")
    assert sorted(path.name for path in Path("out/deep").iterdir()) == ["a.json", "b.json", "b.txt"]
    assert Path("out/deep/b.txt").read_text().startswith("FAIL Response time regressed")


def test_a_file_without_a_name_is_refused(bench: Bench) -> None:
    """`--out json=` names no file: a usage error with an example."""
    done = bench("report", str(_home()), "--out", "json=")
    assert done.code == Exit.USAGE
    assert "--out json=report.json" in done.err


def test_an_unknown_format_is_refused_with_the_list(bench: Bench) -> None:
    """An unknown format is a usage error, which lists the formats of the command."""
    done = bench("report", str(_home()), "--out", "pdf=report.pdf")
    assert done.code == Exit.USAGE
    assert "unknown format 'pdf'" in done.err
    assert "formats: text, markdown, json, junit, csv, html" in done.err
    assert not Path("report.pdf").exists()


def test_requests_that_were_not_kept_are_said(bench: Bench) -> None:
    """A copy of a result alone has no table of requests, and no half of one is left."""
    home = _home()
    Path("alone").mkdir()
    (home / "result.json").rename("alone/result.json")
    done = bench("report", "alone", "--out", "csv=out/samples.csv")
    assert done.code == Exit.MEASUREMENT
    assert "there are no requests at alone/samples.jsonl.gz" in done.err
    assert not list(Path("out").iterdir())
    assert bench("report", "alone", "--out", "junit").code == Exit.PASS


def test_a_verdict_is_printed_also_if_the_report_goes_to_a_file(bench: Bench) -> None:
    """`compare` judges: the text goes to stdout if no format does."""
    done = bench("compare", str(_home()), "--out", "junit=tests.xml")
    assert done.code == Exit.REGRESSION
    assert done.out.startswith("FAIL Response time regressed")
    assert Path("tests.xml").exists()


def test_a_report_of_several_runs_needs_a_file_for_its_page(bench: Bench) -> None:
    """Several runs have no folder, so a page without a file is refused, with an example."""
    home = str(_home())
    done = bench("ci", "merge", home, "--out", "html")
    assert done.code == Exit.USAGE
    assert "--out html=suite.html" in done.err
    assert bench("ci", "merge", home, "--out", "html=suite.html").code == Exit.REGRESSION
    assert Path("suite.html").read_text().startswith("<!doctype html>")


def test_a_new_format_is_one_file_and_one_line(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function from a run to text, and its entry in the table, are a format of the commands."""
    file = tmp_path / "headline_format.py"
    file.write_text("def render_run(run):\n    yield f'the headline: {run.report.headline}\\n'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module(file.stem)
    monkeypatch.setitem(RUN_FORMATS, "headline", Format("headline", "headline.txt", module.render_run))
    home = _home()
    done = bench("report", str(home), "--out", "headline")
    assert done.code == Exit.PASS
    assert done.out.startswith("the headline: Response time regressed")
    compared = bench("compare", str(home), "--out", "headline")
    assert (compared.code, compared.out) == (Exit.REGRESSION, done.out)
    bench("report", str(home), "--out", "json", "--out", "headline")
    assert (home / "headline.txt").read_text() == done.out
    assert "headline" in bench("report", str(home), "--out", "pdf").err


def test_compare_has_every_format(bench: Bench) -> None:
    """Whatever it is written as, the exit is the verdict's."""
    home = str(_home())
    for form in FILES:
        assert bench("compare", home, "--out", form).code == Exit.REGRESSION


def test_what_a_command_has_not_is_refused_first(bench: Bench) -> None:
    """Several scenarios and two versions have no table of requests, a trend has no tests."""
    history.append(Path("history"), make_point())
    for arguments in (
        ("ci", "merge", str(_home()), "--out", "csv"),
        ("ab", "embedded", "embedded", "--out", "csv"),
        ("trend", "quick", "--out", "junit"),
    ):
        done = bench(*arguments)
        assert done.code == Exit.USAGE
        assert f"unknown format '{arguments[-1]}'" in done.err
        assert "formats: text, markdown, json" in done.err


def test_check_prints_one_report_and_keeps_the_others(bench: Bench) -> None:
    """The first format is on stdout, the others are in the run's folder, and Markdown always is."""
    forms = ("--out", "junit", "--out", "csv", "--out", "text")
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
