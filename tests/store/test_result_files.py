import tempfile
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.store import baselines, results
from tests.factories import make_baseline, make_fingerprint, make_recording, make_run
from tests.store.test_files import full_disk


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


def test_a_result_is_found_by_folder_and_by_file(tmp_path: Path) -> None:
    """What was saved is loaded again, whichever of the two is named."""
    run = make_run()
    home = results.save(run, make_recording(), tmp_path / "results")
    assert home == tmp_path / "results" / run.provenance.run_id
    assert results.load(home) == results.load(home / "result.json") == run


def test_no_result_is_said_with_how_to_make_one() -> None:
    """A path without a result is named, with the command that makes one."""
    with pytest.raises(StoreError, match="there is no result at nowhere") as caught:
        results.load(Path("nowhere"))
    assert caught.value.hint is not None
    assert "bench run" in caught.value.hint


def test_what_was_measured_outlives_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """When the folder cannot be written, the run is kept elsewhere and the error says where."""
    (tmp_path / "results").write_text("a file stands here")
    run = make_run()
    with pytest.raises(StoreError, match="the run was kept in") as caught:
        results.save(run, make_recording(), Path("results"))
    kept = Path(caught.value.message.rpartition(" ")[2])
    assert results.load(kept) == run
    assert (kept / "recording.json").is_file()


def test_nowhere_to_write_is_said_once(tmp_path: Path) -> None:
    """When nothing can be written at all, one error names both places."""
    with full_disk(), pytest.raises(StoreError, match=r"cannot write .*; nor in .*bench-kept"):
        results.save(make_run(), make_recording(), tmp_path / "results")


def test_a_baseline_is_found_by_its_run() -> None:
    """A baseline that was saved is the one that a run of its kind is judged by."""
    baseline = make_baseline()
    path = baselines.save(baseline)
    assert path == Path("baselines/embedded/simulated/quick.json")
    assert baselines.load(make_run()) == baselines.read(path) == baseline
    assert baselines.load(make_run(fingerprint=make_fingerprint(stack="other"))) is None


def test_saving_twice_changes_no_byte() -> None:
    """A baseline is written the same every time, so that a difference means a change."""
    path = baselines.save(make_baseline())
    before = path.read_bytes()
    baselines.save(baselines.read(path))
    assert path.read_bytes() == before


def test_baselines_are_listed_by_scenario() -> None:
    """One's own baselines are listed, and one that is not there is said with those that are."""
    path = baselines.save(make_baseline())
    assert baselines.paths() == (path,)
    assert baselines.only("quick") == (path,)
    with pytest.raises(StoreError, match="scenario 'quack' has no baseline") as caught:
        baselines.only("quack")
    assert caught.value.hint == "scenarios with a baseline: quick"
