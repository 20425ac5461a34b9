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
    """Folder and file load the same result."""
    run = make_run()
    home = results.save(run, make_recording(), tmp_path / "results")
    assert home == tmp_path / "results" / run.provenance.run_id
    assert results.load(home) == results.load(home / "result.json") == run


def test_the_error_for_a_missing_result_suggests_a_run() -> None:
    """The hint has the command that measures a run."""
    with pytest.raises(StoreError, match="there is no result at nowhere") as caught:
        results.load(Path("nowhere"))
    assert caught.value.hint is not None
    assert "bench run" in caught.value.hint


def test_a_run_is_stored_elsewhere_if_its_folder_is_not_writable(tmp_path: Path) -> None:
    """The run goes to the temporary folder, and the error names it."""
    (tmp_path / "results").write_text("not a folder")
    run = make_run()
    with pytest.raises(StoreError, match="the run was stored in") as caught:
        results.save(run, make_recording(), Path("results"))
    kept = Path(caught.value.message.rpartition(" ")[2])
    assert results.load(kept) == run
    assert (kept / "recording.json").is_file()


def test_one_error_names_both_folders(tmp_path: Path) -> None:
    """If the temporary folder is not writable either, one error names both."""
    with full_disk(), pytest.raises(StoreError, match=r"cannot write .*; also not in .*bench-kept"):
        results.save(make_run(), make_recording(), tmp_path / "results")


def test_a_baseline_is_found_by_its_run() -> None:
    """A run has the saved baseline of its scenario, stack and environment."""
    baseline = make_baseline()
    path = baselines.save(baseline)
    assert path == Path("baselines/embedded/simulated/quick.json")
    assert baselines.load(make_run()) == baselines.read(path) == baseline
    assert baselines.load(make_run(fingerprint=make_fingerprint(stack="other"))) is None


def test_saving_twice_does_not_change_the_file() -> None:
    """The same baseline has the same bytes, so that a difference means a change."""
    path = baselines.save(make_baseline())
    before = path.read_bytes()
    baselines.save(baselines.read(path))
    assert path.read_bytes() == before


def test_baselines_are_listed_by_scenario() -> None:
    """The user's baselines are listed; the error for a missing one lists them too."""
    path = baselines.save(make_baseline())
    assert baselines.paths() == (path,)
    assert baselines.only("quick") == (path,)
    with pytest.raises(StoreError, match="scenario 'quack' has no baseline") as caught:
        baselines.only("quack")
    assert caught.value.hint == "scenarios with a baseline: quick"
