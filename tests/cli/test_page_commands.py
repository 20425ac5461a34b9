import re
from pathlib import Path

import pytest

from bench.errors import Exit
from bench.store import baselines, results
from tests.command import Bench
from tests.factories import make_baseline, run_at
from tests.render.drawn import recording


def kept(factor: float = 1.0, number: int = 0) -> Path:
    """A run of that many times the usual, with its requests, in the folder of results."""
    return results.save(run_at(factor, number), recording(factor), Path("results"))


def test_a_page_goes_into_the_runs_folder(bench: Bench) -> None:
    """It stands beside its result, whichever of folder and file is named, and stdout stays empty."""
    baselines.save(make_baseline())
    home = kept(1.4)
    for path in (home, home / results.RESULT):
        done = bench("report", str(path), "--out", "html")
        assert (done.code, done.out) == (Exit.PASS, "")
        assert f"written to {home / 'report.html'}" in done.err
        text = (home / "report.html").read_text()
        assert "Response time regressed" in text
        assert "10 runs of the baseline" in text
        assert '"in flight"' in text
        (home / "report.html").unlink()


def test_a_page_goes_where_it_is_wanted(bench: Bench) -> None:
    """A named file gets the page, and none is written beside the result."""
    home = kept()
    assert bench("report", str(home), "--out", "html=out/page.html").code == Exit.PASS
    assert Path("out/page.html").read_text().startswith("<!doctype html>")
    assert not (home / "report.html").exists()


def test_a_page_is_drawn_beside_the_baseline_that_is_named(bench: Bench, tmp_path: Path) -> None:
    """--baseline is what the page's curves are beside, as well as what it judges by."""
    path = baselines.save(make_baseline())
    mine = path.rename(tmp_path / "mine.json")
    home = kept()
    done = bench("compare", str(home), "--baseline", str(mine), "--out", "html")
    assert done.code == Exit.PASS
    assert "10 runs of the baseline" in (home / "report.html").read_text()


def test_several_runs_have_one_page(bench: Bench) -> None:
    """`bench ci merge` draws each run of its own requests."""
    baselines.save(make_baseline())
    done = bench("ci", "merge", str(kept(1.4)), "--out", "html=suite.html")
    assert done.code == Exit.REGRESSION
    page = Path("suite.html").read_text()
    assert "1 of 1 scenario" in page
    assert len(re.findall(r'data-chart="run1-course\d"', page)) == 6


def test_two_versions_have_the_page_that_is_kept(bench: Bench, tmp_path: Path) -> None:
    """`bench ab` writes the same page to a named file and into the folder of the run."""
    (tmp_path / "tiny.yaml").write_text(
        "name: tiny\npurpose: A test.\ntarget: chat\nseed: 1\nprompts: prompts/forms.yaml\n"
        "executor: per-vu-iterations\nvus: 1\niterations: 1\nmax_duration: 60s\n"
    )
    done = bench(
        "ab", "embedded", "embedded", "--scenario", "tiny.yaml", "--pairs", "4", "--out", "html=ab.html"
    )
    (page,) = Path("results").glob("*/report.html")
    assert done.code in {Exit.PASS, Exit.REGRESSION}
    assert page.read_text() == Path("ab.html").read_text()


def test_a_trend_has_no_page(bench: Bench) -> None:
    """What cannot be written is said to be a mistake of usage, with what can."""
    bench("ci", "history", "add", str(kept()))
    done = bench("trend", "quick", "--out", "html")
    assert done.code == Exit.USAGE
    assert "unknown format 'html'" in done.err


@pytest.mark.parametrize("name", [results.RECORDING, results.SAMPLES])
def test_a_page_of_a_result_alone_says_so(bench: Bench, name: str) -> None:
    """Where a recording is gone the page is made all the same."""
    home = kept()
    (home / name).unlink()
    assert bench("report", str(home), "--out", "html").code == Exit.PASS
    assert "There are no charts over time" in (home / "report.html").read_text()


def test_a_recording_that_cannot_be_read_is_said(bench: Bench) -> None:
    """Half a recording is an error that names its file, and no page."""
    home = kept()
    (home / results.SAMPLES).write_bytes(b"half")
    done = bench("report", str(home), "--out", "html")
    assert done.code == Exit.MEASUREMENT
    assert "samples.jsonl.gz" in done.err
    assert not (home / "report.html").exists()
