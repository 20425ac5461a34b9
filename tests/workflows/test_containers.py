"""The workflow files on the stack in containers, run with act against a fake GitHub."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflows import project
from tests.workflows.conftest import ROOT
from tests.workflows.hosted import Hosted
from tests.workflows.shown import check_of_pull, comment_on

pytestmark = pytest.mark.workflows


@pytest.fixture
def engine() -> None:
    """Skip without a container engine."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no container engine runs here")


@pytest.mark.usefixtures("engine")
def test_crash_in_a_container(host: Callable[[Path], Hosted]) -> None:
    """If a container of the head exits at its start, the check is red and the comment has its log."""
    repository = host(ROOT)
    project.shorten(repository.origin, "compose")
    project.branch_crashing(repository.origin)
    number = repository.open_pull("feature")
    repository.measure(number, "opened")
    assert check_of_pull(repository, number)["conclusion"] == "failure"
    body = comment_on(repository, number)
    assert "agent" in body
    assert "code 7" in body
    assert project.CRASH in body
