import re
from pathlib import Path

import pytest

from bench.errors import Exit
from bench.store import baselines, results
from bench.store.sample_files import SAMPLES
from tests.command import Bench
from tests.factories import make_baseline, run_at
from tests.render.drawn import recording


def store(factor: float = 1.0, number: int = 0) -> Path:
    """Store a run whose times are `factor` times those of the baseline, and return its folder."""
    return results.save(run_at(factor, number), recording(factor), Path("results"))


def test_a_page_goes_into_the_runs_folder(bench: Bench) -> None:
    """The page is next to the result, for the folder and for the file as argument; stdout is empty."""
    baselines.save(make_baseline())
    home = store(1.4)
    for path in (home, home / results.RESULT):
        done = bench("report", str(path), "--out", "html")
        assert (done.code, done.out) == (Exit.PASS, "")
        assert f"written to {home / 'report.html'}" in done.err
        text = (home / "report.html").read_text()
        assert "Responses are" in text
        assert "10 runs of the baseline" in text
        assert '"in flight"' in text
        (home / "report.html").unlink()


def test_a_page_goes_to_a_named_file(bench: Bench) -> None:
    """No page is written next to the result."""
    home = store()
    assert bench("report", str(home), "--out", "html=out/page.html").code == Exit.PASS
    assert Path("out/page.html").read_text().startswith("<!doctype html>")
    assert not (home / "report.html").exists()


def test_a_page_shows_the_named_baseline(bench: Bench, tmp_path: Path) -> None:
    """--baseline also selects the curves of the baseline."""
    path = baselines.save(make_baseline())
    mine = path.rename(tmp_path / "mine.json")
    home = store()
    done = bench("compare", str(home), "--baseline", str(mine), "--out", "html")
    assert done.code == Exit.PASS
    assert "10 runs of the baseline" in (home / "report.html").read_text()


def test_several_runs_have_one_page(bench: Bench) -> None:
    """`bench ci merge` draws each run from its own requests."""
    baselines.save(make_baseline())
    done = bench("ci", "merge", str(store(1.4)), "--out", "html=suite.html")
    assert done.code == Exit.REGRESSION
    page = Path("suite.html").read_text()
    assert "Worse in quick: responses are 40 % slower" in page
    assert re.search(r'data-chart="run1-time\d"', page)


def test_ab_writes_the_same_page_twice(bench: Bench, tmp_path: Path) -> None:
    """`bench ab` writes the same page to a named file and into the folder of the run."""
    (tmp_path / "tiny.yaml").write_text(
        "name: tiny\npurpose: A test.\ntarget: chat\nseed: 1\nprompts: prompts/forms.yaml\n"
        "executor: per-vu-iterations\nvus: 1\niterations: 1\nmax_duration: 60s\n"
    )
    done = bench(
        "ab", "embedded", "embedded", "--scenario", "tiny.yaml", "--pairs", "4", "--out", "html=ab.html"
    )
    (page,) = Path("results").glob("*/report.html")
    assert done.code in {Exit.PASS, Exit.REGRESSION, Exit.INCONCLUSIVE, Exit.MEASUREMENT}, done.err
    assert page.read_text() == Path("ab.html").read_text()


def test_a_trend_has_no_page(bench: Bench) -> None:
    """The format is a usage error, which lists the formats of a trend."""
    bench("ci", "history", "add", str(store()))
    done = bench("trend", "quick", "--out", "html")
    assert done.code == Exit.USAGE
    assert "unknown format 'html'" in done.err


@pytest.mark.parametrize("name", [results.RECORDING, SAMPLES])
def test_a_page_without_a_recording_states_that(bench: Bench, name: str) -> None:
    """Without a recording the page has no curves."""
    home = store()
    (home / name).unlink()
    assert bench("report", str(home), "--out", "html").code == Exit.PASS
    assert "There are no charts over time" in (home / "report.html").read_text()


def test_a_truncated_recording_is_an_error(bench: Bench) -> None:
    """The error names the file, and no page is written."""
    home = store()
    (home / SAMPLES).write_bytes(b"half")
    done = bench("report", str(home), "--out", "html")
    assert done.code == Exit.MEASUREMENT
    assert "samples.blocks" in done.err
    assert not (home / "report.html").exists()
