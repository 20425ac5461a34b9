"""A small application that adopts the pipeline with one file, run with act against a fake GitHub."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.command import bench
from tests.workflows.conftest import ROOT
from tests.workflows.delivery import prepare_for_act
from tests.workflows.hosted import Hosted
from tests.workflows.origin import make_origin
from tests.workflows.shown import check_of_pull, comment_on

pytestmark = pytest.mark.workflows

_PROJECT = "maker/chatbench"
_VERSION = "v1"
_MOST_LINES = 15
_SLOWER = "await new Promise((resolve) => setTimeout(resolve, 300));"


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """Return the repository of an application in which `bench init` ran, with its files committed."""
    if shutil.which("npm") is None:
        pytest.skip("the application needs Node.js")
    folder = tmp_path / "application"
    shutil.copytree(ROOT / "tests/applications/lines", folder)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(folder)], check=True)
    written = bench(
        "init", "--mock", "OLLAMA_HOST", "--no-run", "--action", f"{_PROJECT}@{_VERSION}", cwd=folder
    )
    assert written.code == 0, written.err
    git = ["git", "-C", str(folder), "-c", "user.name=octocat", "-c", "user.email=octocat@github.invalid"]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "Measure pull requests"], check=True)
    return folder


@pytest.fixture
def adopted(host: Callable[[Path], Hosted], application: Path, tmp_path: Path) -> Hosted:
    """Return the application on the fake GitHub, which also has this project as another repository."""
    repository = host(application)
    origin = make_origin(repository.runner.server / f"{_PROJECT}.git", ROOT)
    project = tmp_path / "project"
    subprocess.run(["git", "clone", "--quiet", str(origin.path), str(project)], check=True)
    prepare_for_act(project / ".github/workflows/bench.yml", _PROJECT, origin.head("main"))
    local = {**repository.runner.local, f"{_PROJECT}@{_VERSION}": project}
    repository.runner = replace(repository.runner, local=local)
    repository.github.permissions["octocat"] = "write"
    return repository


def test_one_file_measures_an_application(adopted: Hosted) -> None:
    """One file of at most 15 lines judges the very first pull request, slower and then restored."""
    origin = adopted.origin
    (workflow,) = origin.paths("main", ".github/")
    lines = [line for line in origin.read("main", workflow).splitlines() if not line.startswith("#")]
    assert len(lines) <= _MOST_LINES
    server = origin.read("main", "server.js")
    slower = server.replace("const asked", f"{_SLOWER}\n  const asked")
    assert slower != server
    origin.change("feature", {"server.js": slower}, "Wait before the model", start=origin.head("main"))
    number = adopted.open_pull("feature")
    adopted.measure(number, "opened")
    first = check_of_pull(adopted, number)
    assert first["conclusion"] == "failure"
    origin.change("feature", {"server.js": f"{server}// Done.\n"}, "Do not wait")
    adopted.measure(number)
    second = check_of_pull(adopted, number)
    assert second["conclusion"] == "success"
    comment_on(adopted, number)
