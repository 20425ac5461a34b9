import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.core.verdict.baseline import Baseline
from bench.errors import Exit
from bench.store import baselines, results
from tests.command import Done, bench, environment
from tests.eventually import eventually
from tests.factories import make_baseline, make_fingerprint, make_provenance, make_recording, run_at

# Runs a command that creates the file of its first argument before it takes the lock.
_MARK_BEFORE_LOCK = """\
import sys
from pathlib import Path
from bench.cli.app import main
from bench.store import baselines

mark = Path(sys.argv.pop(1))
lock = baselines.lock

def mark_and_lock():
    mark.touch()
    return lock()

baselines.lock = mark_and_lock
main()
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run_baseline(*arguments: str) -> Done:
    """Run a command of `bench baseline` in this folder."""
    return bench("baseline", *arguments, cwd=Path.cwd())


def store(factor: float, number: int, **parts: Any) -> str:
    """Store a run and return its folder."""
    return str(results.save(run_at(factor, number, **parts), make_recording([]), Path("results")))


def read_baseline() -> Baseline:
    """Return the baseline of `quick` as its file has it."""
    (path,) = baselines.only("quick")
    return baselines.read(path)


def test_a_slower_run_needs_allow_regression() -> None:
    """A slower run is refused with a hint, and accepted with --allow-regression."""
    baselines.save(make_baseline())
    slow = store(1.5, 30)
    refused = run_baseline("accept", slow, "--reason", "new model")
    assert refused.code == Exit.USAGE
    assert "is worse than its baseline: response time" in refused.err
    assert "--allow-regression" in refused.err
    assert run_baseline("accept", slow, "--reason", "new model", "--allow-regression").code == Exit.PASS
    assert len(read_baseline().runs) == 11


def test_a_run_of_uncommitted_changes_needs_allow_dirty() -> None:
    """A run of uncommitted changes is refused, and accepted with --allow-dirty."""
    dirty = store(1.0, 30, provenance=make_provenance("20260107T000000Z-quick-dddd", dirty=True))
    assert "measured uncommitted changes" in run_baseline("accept", dirty, "--reason", "why").err
    assert run_baseline("accept", dirty, "--reason", "why", "--allow-dirty").code == Exit.PASS


def test_a_baseline_is_pinned_shown_and_unpinned() -> None:
    """Pinned runs survive acceptance and pruning; --clear removes them and nothing else."""
    baselines.save(make_baseline())
    assert run_baseline("pin", "quick").code == Exit.USAGE
    assert run_baseline("pin", "quick", "--reason", "release 2.0", "--by", "Tess").code == Exit.PASS
    assert "Tess: release 2.0" in run_baseline("show", "quick").out
    assert "4 runs removed, 6 kept" in run_baseline("prune", "quick", "--keep", "6").err
    run_baseline("accept", store(1.0, 30), "--reason", "why")
    baseline = read_baseline()
    assert baseline.pinned is not None
    assert (len(baseline.runs), len(baseline.pinned.runs)) == (7, 10)
    assert run_baseline("pin", "quick", "--clear").code == Exit.PASS
    assert read_baseline().pinned is None
    assert '"anchor"' not in baselines.only("quick")[0].read_text()


def test_diff_shows_both_values_of_each_metric() -> None:
    """Each metric has both values and the change between them."""
    old, new = Path("old.json"), Path("new.json")
    for path, factor in ((old, 1.0), (new, 1.5)):
        baselines.save(make_baseline([factor] * 5)).rename(path)
    line = next(
        line for line in run_baseline("diff", str(old), str(new)).out.splitlines() if "response time" in line
    )
    assert line.split()[-2:] == ["+50", "%"]
    assert run_baseline("diff", str(old), "nowhere.json").code == Exit.MEASUREMENT


def test_verify_lists_every_fault_with_its_file() -> None:
    """The committed baselines are usable; each fault is listed with its file."""
    good = bench("baseline", "verify", cwd=Path(__file__).parents[2])
    assert (good.code, good.out) == (Exit.PASS, "")
    path = baselines.save(make_baseline((1.0,) * 4, fingerprint=make_fingerprint()))
    path.with_name("half.json").write_text("{")
    bad = run_baseline("verify")
    assert bad.code == Exit.USAGE
    assert f"{path}: it has 4 runs, a decision needs 5" in bad.out
    assert "changed: measure and accept again" in bad.out
    assert "half.json: " in bad.out


def test_concurrent_acceptances_lose_no_run(tmp_path: Path) -> None:
    """The second command waits, reads the file that the first one wrote, and adds its run."""
    baselines.save(make_baseline())
    marks = {tmp_path / f"waits-{number}": store(1.0, number) for number in (30, 31)}
    with baselines.lock():
        accepting = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    _MARK_BEFORE_LOCK,
                    str(mark),
                    "baseline",
                    "accept",
                    home,
                    "--reason",
                    "why",
                ],
                env=environment(),
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
            )
            for mark, home in marks.items()
        ]
        try:
            for mark in marks:
                eventually(mark.exists)
            assert len(read_baseline().runs) == 10
        except BaseException:
            for process in accepting:
                process.kill()
            raise
    for process in accepting:
        _, err = process.communicate(timeout=300)
        assert process.returncode == Exit.PASS, err
    assert len(read_baseline().runs) == 12
