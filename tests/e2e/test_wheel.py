import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bench.errors import Exit
from tests.command import environment, short_scenario

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the wheel into a folder, as an installer does."""
    dist = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(dist)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = dist.glob("*.whl")
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def _run(site: Path, cwd: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    code = "import sys; from bench.cli.app import main; sys.argv[0] = 'bench'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env=environment(PYTHONPATH=str(site)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_wheel_works_without_the_source_tree(site: Path, tmp_path: Path) -> None:
    """In an empty folder the wheel has its scenarios, starts its stack, measures and reports."""
    code = "import bench, chatstack; print(bench.__file__, chatstack.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(site)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.count(str(site)) == 2
    assert "quick" in _run(site, tmp_path, "scenarios", "list").stdout
    done = _run(site, tmp_path, "check", str(short_scenario(tmp_path)))
    # On a busy machine the load generator is late, which makes the run invalid.
    headlines = {Exit.INCONCLUSIVE: "? CANNOT TELL: there is no baseline", Exit.MEASUREMENT: "! INVALID"}
    assert headlines[Exit(done.returncode)] in done.stdout, done.stderr
    (home,) = (tmp_path / "results").iterdir()
    assert {path.name for path in home.iterdir()} == {
        "comparison.json", "recording.json", "report.html", "report.md", "result.json", "samples.blocks",
    }  # fmt: skip
    result = json.loads((home / "result.json").read_text())
    assert result["summary"]["requests"] > 0
    assert result["fingerprint"]["stack"] == "embedded"


def test_the_wheel_has_the_committed_baseline(site: Path, tmp_path: Path) -> None:
    """The wheel has the baseline of `quick` on the embedded stack, with enough runs for a verdict."""
    listed = _run(site, tmp_path, "baseline", "list").stdout
    assert "embedded/simulated" in listed
    assert int(listed.split()[2]) >= 5
