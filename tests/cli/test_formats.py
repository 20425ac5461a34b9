import importlib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.core.report.report import Report
from bench.errors import Exit
from bench.render.document.format import Format
from bench.render.formats import RUN_FORMATS
from bench.store import baselines, history, results
from bench.store.sample_files import SAMPLES
from tests.command import Bench, short_scenario
from tests.factories import make_baseline, make_point, make_recording, run_at

FILES = {name: form.file for name, form in RUN_FORMATS.items()}
ALL = [word for form in FILES for word in ("--out", form)]


def store_slow_run() -> Path:
    """Store a run that is 40 % slower than its baseline, and return its folder."""
    baselines.save(make_baseline())
    return results.save(run_at(1.4), make_recording(), Path("results"))


def test_every_format_has_its_own_file() -> None:
    """No two formats write to the same file, and none to a file that a run has already."""
    assert {form.name: form.file for form in RUN_FORMATS.values()} == FILES
    taken = {results.RESULT, results.RECORDING, SAMPLES, "comparison.json", "pairs.json"}
    assert not set(FILES.values()) & taken


@pytest.mark.parametrize("form", [form for form in FILES if form != "html"])
def test_report_writes_each_format(bench: Bench, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stored run is reported in each format, on stdout or in a file, with exit 0 for every verdict."""
    monkeypatch.setenv("COLUMNS", "100")
    home = str(store_slow_run())
    done = bench("report", home, "--verbose", "--out", form)
    assert done.code == Exit.PASS
    assert ("e2e_ms" if form == "csv" else "slower") in done.out
    to_file = bench("report", home, "--out", f"{form}=out/report.x")
    assert to_file.out == ""
    assert Path("out/report.x").read_bytes().decode().replace("\r\n", "\n") == done.out.replace("\r\n", "\n")


def test_the_first_format_goes_to_stdout_and_the_others_into_the_runs_folder(bench: Bench) -> None:
    """Each other format goes to its standard file next to the result, and the command names each file."""
    home = store_slow_run()
    done = bench("report", str(home / "result.json"), *ALL)
    assert done.code == Exit.PASS
    assert done.out.startswith("FAIL Responses are")
    files = [home / name for form, name in FILES.items() if form != "text"]
    assert done.err.splitlines() == [f"written to {path}" for path in files]
    assert Report.model_validate_json((home / "report.json").read_text()).decision == "fail"
    assert not (home / "report.txt").exists()
    assert (home / "report.md").read_text().startswith("## 🔴 quick")
    assert ET.fromstring((home / "junit.xml").read_text()).get("failures") == "1"  # noqa: S314 - it is ours
    assert len((home / "samples.csv").read_text().splitlines()) == 101


def test_files_can_be_named(bench: Bench) -> None:
    """A format with a file goes to that file, in a new folder, and a repeated output is written once."""
    home = str(store_slow_run())
    done = bench("report", home, "--out", "json=out/deep/a.json", "--out", "json=out/deep/a.json")
    assert (done.out, done.err) == ("", "written to out/deep/a.json\n")
    both = bench("report", home, "--out", "json=out/deep/b.json", "--out", "text=out/deep/b.txt")
    assert (both.code, both.out) == (Exit.PASS, "")
    assert sorted(path.name for path in Path("out/deep").iterdir()) == ["a.json", "b.json", "b.txt"]
    assert Path("out/deep/b.txt").read_text().startswith("FAIL Responses are")


def test_a_file_without_a_name_is_refused(bench: Bench) -> None:
    """`--out json=` names no file: a usage error with an example."""
    done = bench("report", str(store_slow_run()), "--out", "json=")
    assert done.code == Exit.USAGE
    assert "--out json=report.json" in done.err


@pytest.mark.parametrize(("name", "hint"), [("text", "--out text"), ("html", "--out html=report.html")])
def test_a_dash_is_not_a_file(bench: Bench, name: str, hint: str) -> None:
    """`--out text=-` writes no file of this name: a usage error with the option that prints."""
    done = bench("report", str(store_slow_run()), "--out", f"{name}=-")
    assert (done.code, done.out) == (Exit.USAGE, "")
    assert f"hint: {hint}\n" in done.err
    assert not Path("-").exists()


def test_an_unknown_format_is_refused_with_the_list(bench: Bench) -> None:
    """An unknown format is a usage error, which lists the formats of the command."""
    done = bench("report", str(store_slow_run()), "--out", "pdf=report.pdf")
    assert done.code == Exit.USAGE
    assert "--out pdf: unknown format 'pdf'" in done.err
    assert f"formats: {', '.join(RUN_FORMATS)}" in done.err
    assert not Path("report.pdf").exists()


def test_a_csv_needs_the_stored_requests(bench: Bench) -> None:
    """A result without its requests has no table, and no partial file is left."""
    home = store_slow_run()
    Path("alone").mkdir()
    (home / "result.json").rename("alone/result.json")
    done = bench("report", "alone", "--out", "csv=out/samples.csv")
    assert done.code == Exit.MEASUREMENT
    assert "there are no requests at alone/samples.blocks" in done.err
    assert not list(Path("out").iterdir())
    assert bench("report", "alone", "--out", "junit").code == Exit.PASS


def test_a_verdict_is_printed_also_if_the_report_goes_to_a_file(bench: Bench) -> None:
    """`compare` judges: the text goes to stdout if no format does."""
    done = bench("compare", str(store_slow_run()), "--out", "junit=tests.xml")
    assert done.code == Exit.REGRESSION
    assert done.out.startswith("FAIL Responses are")
    assert Path("tests.xml").exists()


def test_a_report_of_several_runs_needs_a_file_for_its_page(bench: Bench) -> None:
    """Several runs have no folder, so a page without a file is refused, with an example."""
    home = str(store_slow_run())
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
    home = store_slow_run()
    done = bench("report", str(home), "--out", "headline")
    assert done.code == Exit.PASS
    assert done.out.startswith("the headline: Responses are")
    compared = bench("compare", str(home), "--out", "headline")
    assert (compared.code, compared.out) == (Exit.REGRESSION, done.out)
    bench("report", str(home), "--out", "json", "--out", "headline")
    assert (home / "headline.txt").read_text() == done.out
    assert "headline" in bench("report", str(home), "--out", "pdf").err


def test_compare_has_every_format(bench: Bench) -> None:
    """The exit code is that of the verdict, in every format."""
    home = str(store_slow_run())
    for form in FILES:
        assert bench("compare", home, "--out", form).code == Exit.REGRESSION


def test_a_format_of_another_command_is_refused(bench: Bench) -> None:
    """Several scenarios and two versions have no table of requests, and a trend has no tests."""
    history.append(Path("history"), make_point())
    for arguments in (
        ("ci", "merge", str(store_slow_run()), "--out", "csv"),
        ("ab", "embedded", "embedded", "--out", "csv"),
        ("trend", "quick", "--out", "junit"),
    ):
        done = bench(*arguments)
        assert done.code == Exit.USAGE
        assert f"unknown format '{arguments[-1]}'" in done.err
        assert "formats: text, markdown, json" in done.err


def test_check_prints_one_report_and_stores_the_others(bench: Bench) -> None:
    """The first format goes to stdout, the others into the folder of the run, which always has Markdown."""
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
