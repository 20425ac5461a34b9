"""The step of bench-site.yml that writes the site, run in the shell and with the files that GitHub gives."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.core.history.history import to_history_point
from bench.store import history, results
from tests.factories import make_recording, run_at

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "bench-site.yml"
ONE_ARTIFACT = ["results"]
"""actions/download-artifact puts a single artifact that matches its pattern directly into `path`."""
TWO_ARTIFACTS = ["results/bench-nightly-1", "results/bench-model-1"]
"""Several get a folder each."""


def find_step() -> str:
    """Return the commands of the step."""
    workflow: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    steps = [step for step in workflow["jobs"]["build"]["steps"] if "make docs" in step.get("run", "")]
    (step,) = steps
    return str(step["run"])


def run_step(folder: Path) -> str:
    """Run the step, with a `make` that only has the documentation; return its messages."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "make").write_text("#!/bin/sh\nmkdir -p site-docs && echo docs > site-docs/index.html\n")
    installed = folder / ".venv" / "bin"
    installed.mkdir(parents=True)
    (installed / "bench").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bench "$@"\n')
    for program in (programs / "make", installed / "bench"):
        program.chmod(0o755)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", find_step()],
        cwd=folder,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "GITHUB_REPOSITORY": "owner/name"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "site/index.html").read_text() == "docs\n"
    return done.stderr


@pytest.mark.parametrize("places", [ONE_ARTIFACT, TWO_ARTIFACTS])
def test_each_run_of_the_artifacts_gets_a_page(tmp_path: Path, places: list[str]) -> None:
    """The folders of the runs are found in both layouts, and the pages of the histories link them."""
    names = []
    for number, place in enumerate(places):
        run = run_at(1.0, number)
        history.append(tmp_path / "history", to_history_point(run))
        results.save(run, make_recording(), tmp_path / place)
        names.append(f"{run.provenance.run_id}.html")
    run_step(tmp_path)
    written = sorted(path.name for path in (tmp_path / "site/bench/runs").iterdir())
    assert written == sorted(names)
    assert f'href="runs/{names[-1]}"' in (tmp_path / "site/bench/index.html").read_text()


def test_without_artifacts_the_histories_have_pages(tmp_path: Path) -> None:
    """A change of the documentation starts no measurement; the site is written and the folder is named."""
    history.append(tmp_path / "history", to_history_point(run_at(1.0)))
    assert "no page: results" in run_step(tmp_path)
    assert (tmp_path / "site/bench/index.html").exists()


def test_without_a_history_old_pages_are_removed(tmp_path: Path) -> None:
    """The cache may have pages of a history that is not there any more."""
    (tmp_path / "site/bench").mkdir(parents=True)
    run_step(tmp_path)
    assert not (tmp_path / "site/bench").exists()
