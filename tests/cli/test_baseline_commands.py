import os
import signal
import subprocess
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.core.verdict.baseline import Baseline
from bench.errors import Exit
from bench.store import baselines, results
from tests.command import Done, bench, command, environment
from tests.eventually import eventually
from tests.factories import make_baseline, make_fingerprint, make_provenance, make_recording, run_at


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(*arguments: str) -> Done:
    """What a command of `bench baseline` says here."""
    return bench("baseline", *arguments, cwd=Path.cwd())


def kept(factor: float, number: int, **parts: Any) -> str:
    """A stored run's folder."""
    return str(results.save(run_at(factor, number, **parts), make_recording([]), Path("results")))


def committed() -> Baseline:
    """The baseline as its file has it."""
    (path,) = baselines.only("quick")
    return baselines.read(path)


def test_a_worse_run_is_accepted_only_when_that_is_said() -> None:
    """A slower run is refused with the way out, and accepted by it."""
    baselines.save(make_baseline())
    slow = kept(1.5, 30)
    refused = said("accept", slow, "--reason", "new model")
    assert refused.code == Exit.USAGE
    assert "is worse than its baseline: response time" in refused.err
    assert "--allow-regression" in refused.err
    assert said("accept", slow, "--reason", "new model", "--allow-regression").code == Exit.PASS
    assert len(committed().runs) == 11


def test_a_run_of_uncommitted_changes_is_accepted_only_when_that_is_said() -> None:
    """A dirty tree's run is refused, and accepted with --allow-dirty."""
    dirty = kept(1.0, 30, provenance=make_provenance("20260107T000000Z-quick-dddd", dirty=True))
    assert "not committed" in said("accept", dirty, "--reason", "why").err
    assert said("accept", dirty, "--reason", "why", "--allow-dirty").code == Exit.PASS


def test_an_anchor_is_pinned_shown_and_cleared() -> None:
    """Pinning keeps the runs through acceptance and pruning; clearing it leaves the rest alone."""
    baselines.save(make_baseline())
    assert said("pin", "quick").code == Exit.USAGE
    assert said("pin", "quick", "--reason", "release 2.0", "--by", "Tess").code == Exit.PASS
    assert "Tess: release 2.0" in said("show", "quick").out
    assert "4 runs removed, 6 kept" in said("prune", "quick", "--keep", "6").err
    said("accept", kept(1.0, 30), "--reason", "why")
    baseline = committed()
    assert baseline.pinned is not None
    assert (len(baseline.runs), len(baseline.pinned.runs)) == (7, 10)
    assert said("pin", "quick", "--clear").code == Exit.PASS
    assert committed().pinned is None
    assert '"anchor"' not in baselines.only("quick")[0].read_text()


def test_two_baselines_are_shown_side_by_side() -> None:
    """Each metric has both values and the change between them."""
    old, new = Path("old.json"), Path("new.json")
    for path, factor in ((old, 1.0), (new, 1.5)):
        baselines.save(make_baseline([factor] * 5)).rename(path)
    line = next(line for line in said("diff", str(old), str(new)).out.splitlines() if "response time" in line)
    assert line.split()[-2:] == ["+50", "%"]
    assert said("diff", str(old), "nowhere.json").code == Exit.MEASUREMENT


def test_baselines_are_verified() -> None:
    """The committed ones are good; each fault is named with its file."""
    good = bench("baseline", "verify", cwd=Path(__file__).parents[2])
    assert (good.code, good.out) == (Exit.PASS, "")
    path = baselines.save(make_baseline((1.0,) * 4, fingerprint=make_fingerprint()))
    path.with_name("half.json").write_text("{")
    bad = said("verify")
    assert bad.code == Exit.USAGE
    assert f"{path}: it has 4 runs, a decision needs 5" in bad.out
    assert "changed: measure and accept again" in bad.out
    assert "half.json: " in bad.out


def test_two_who_accept_at_once_lose_nothing() -> None:
    """Whoever comes second waits, reads what the first has written, and adds to it."""
    baselines.save(make_baseline())
    homes = [kept(1.0, number) for number in (30, 31)]
    with baselines.lock():
        accepting = [
            subprocess.Popen(
                command("baseline", "accept", home, "--reason", "why"),
                env=environment(),
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
            )
            for home in homes
        ]
        try:
            for process in accepting:
                eventually(partial(_waits, process.pid))
            assert len(committed().runs) == 10
        except BaseException:
            for process in accepting:
                os.kill(process.pid, signal.SIGKILL)
            raise
    for process in accepting:
        _, err = process.communicate(timeout=120)
        assert process.returncode == Exit.PASS, err
    assert len(committed().runs) == 12


def _waits(pid: int) -> bool:
    """Check whether a process tries to take the lock: it opens the file for a moment, 20 times per second."""
    end_s = time.monotonic() + 0.1
    while time.monotonic() < end_s:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if descriptor.readlink().name == baselines.LOCK.name:
                    return True
    return False
