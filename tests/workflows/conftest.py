"""Fixtures of the workflow tests: the tools, the actions, and a repository on a fake GitHub."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.publish.fake_github import serving
from tests.workflows.act import ACT, Runner, add_python, used_actions
from tests.workflows.artifacts import Artifacts, storing
from tests.workflows.delivery import REPOSITORY
from tests.workflows.hosted import Hosted, RunningGitHub
from tests.workflows.journal import append, describe_case
from tests.workflows.origin import make_origin

OUTCOME = pytest.StashKey[str]()
ROOT = Path(__file__).parents[2]
JOURNAL = "WORKFLOW_JOURNAL"
"""Variable with a file that receives each case in one line of JSON."""
ACTIONS = "WORKFLOW_ACTIONS"
"""Variable with a folder of actions, `OWNER/NAME@REF`, for a machine that cannot reach github.com."""


def _used() -> set[str]:
    return used_actions([*ROOT.glob("**/action.yml"), *(ROOT / ".github/workflows").glob("*.yml")])


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Remember the outcome of a test for its fixtures."""
    if call.when == "call":
        failed = call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception)
        skipped = call.excinfo is not None and not failed
        item.stash[OUTCOME] = "failed" if failed else "cannot tell" if skipped else "passed"


@pytest.fixture(scope="session")
def local_actions() -> dict[str, Path]:
    """Return the folders of the actions that are on this machine; skip without act."""
    if shutil.which(ACT) is None:
        pytest.skip("act is not on PATH: https://nektosact.com/installation")
    folder = os.environ.get(ACTIONS)
    if folder is None:
        return {}
    return {action: Path(folder) / action for action in _used() if (Path(folder) / action).is_dir()}


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the caches of all runs."""
    folder = tmp_path_factory.mktemp("runner")
    interpreter = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    add_python(folder / "actions/tool_cache", "3.12", interpreter)
    return folder


@pytest.fixture
def host(
    tmp_path: Path, shared: Path, local_actions: dict[str, Path], request: pytest.FixtureRequest
) -> Iterator[Callable[[Path], Hosted]]:
    """Return a function that puts a repository on the fake GitHub."""
    hosted: list[Hosted] = []
    server = tmp_path / "server"
    stored = tmp_path / "artifacts"
    with serving(RunningGitHub(stored=stored)) as github, storing(Artifacts(stored)) as artifacts:
        assert isinstance(github, RunningGitHub)

        def start(source: Path) -> Hosted:
            path = server / f"{REPOSITORY}.git"
            path.parent.mkdir(parents=True)
            origin = make_origin(path, source)
            github.git = origin
            hosted.append(Hosted(github, origin, artifacts, Runner(shared, server, local_actions)))
            return hosted[-1]

        yield start
        file = os.environ.get(JOURNAL)
        for repository in hosted if file else []:
            law = str(request.function.__doc__)
            outcome = request.node.stash.get(OUTCOME, "failed")
            append(Path(str(file)), describe_case(request.node.name, law, outcome, repository))
