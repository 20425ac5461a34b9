import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.command import bench

APPLICATIONS = Path(__file__).parents[1] / "applications"
ACTION = f"owner/chatbench@{'0123456789' * 4}"


def _copy(name: str, folder: Path) -> Path:
    """Return a repository with an application, and nothing else."""
    copied = folder / name
    shutil.copytree(APPLICATIONS / name, copied)
    (copied / ".git").mkdir()
    (copied / ".venv").symlink_to(sys.prefix)
    return copied


@pytest.mark.parametrize(
    ("name", "variable", "path", "text"),
    [
        ("questions", "OPENAI_BASE_URL", "/v2/answers", "result.answer"),
        pytest.param(
            "lines", "OLLAMA_HOST", "/chat", "text",
            marks=pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js is not installed"),
        ),
    ],
)  # fmt: skip
def test_an_application_is_measured_without_a_written_line(
    name: str, variable: str, path: str, text: str, tmp_path: Path
) -> None:
    """Start, interface and health path are found, and the written files give a run without failures."""
    folder = _copy(name, tmp_path)
    done = bench("init", "--mock", variable, "--no-run", "--action", ACTION, cwd=folder)
    assert done.code == 0, done.err
    _check_written(folder, done.out)
    target = yaml.safe_load((folder / "scenarios/targets/chat.yaml").read_text())
    assert (target["path"], target["answer"]["text"]) == (path, text)
    stack = yaml.safe_load((folder / "scenarios/stacks/app.yaml").read_text())
    assert stack["services"]["app"]["ready"] in {"/health", "/healthz"}
    assert stack["services"]["app"]["environment"][variable].startswith("${model.url}")
    assert "commit the written files and open a pull request" in done.out
    assert bench("scenarios", "check", "quick", cwd=folder).code == 0
    run = bench("run", "quick", "--stack", "app", "--duration", "1s", "--no-calibration", cwd=folder)
    assert run.code == 0, run.err
    assert "100 % of" in run.out


def _check_written(folder: Path, out: str) -> None:
    """Check that each file names its schema, the workflow calls the pipeline, and git ignores results."""
    for path in out.partition("Written:\n")[2].partition("\n\n")[0].split():
        schema = (folder / path).read_text().splitlines()[0].partition("$schema=")[2]
        assert not schema or ((folder / path).parent / schema).is_file()
    workflow = yaml.safe_load((folder / ".github/workflows/bench.yml").read_text())
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["bench"]["uses"] == ACTION.replace("@", "/.github/workflows/bench.yml@")
    _check_workflow(folder)
    assert (folder / ".gitignore").read_text().splitlines() == ["results/", ".bench/"]


def _check_workflow(folder: Path) -> None:
    """Check the workflow with zizmor and GitHub's schema, and with actionlint where it is installed."""
    (path,) = (folder / ".github/workflows").iterdir()
    tools = [
        ("zizmor", "--offline", "--no-progress", "--quiet"),
        ("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
        ("actionlint",),
    ]
    for name, *options in tools:
        program = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if program is not None:
            done = subprocess.run([program, *options, str(path)], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


def test_an_installation_without_a_repository_writes_no_workflow(tmp_path: Path) -> None:
    """A note names the option; a wrong value of it is refused before a file is written."""
    folder = _copy("questions", tmp_path)
    refused = bench("init", "--action", "owner/chatbench", cwd=folder)
    assert (refused.code, "--action owner/chatbench: write OWNER/NAME@REF" in refused.err) == (2, True)
    assert [*folder.rglob("*.yaml")] == []
    done = bench("init", "--mock", "OPENAI_BASE_URL", "--no-run", cwd=folder)
    assert done.code == 0, done.err
    assert "bench init --action OWNER/chatbench@REF" in done.out
    assert not (folder / ".github").exists()


def test_a_workflow_is_never_replaced_without_a_word(tmp_path: Path) -> None:
    """A file of this name may belong to another tool."""
    folder = _copy("questions", tmp_path)
    (folder / ".github/workflows").mkdir(parents=True)
    (folder / ".github/workflows/bench.yml").write_text("mine: true\n")
    done = bench("init", "--mock", "OPENAI_BASE_URL", "--no-run", cwd=folder)
    assert (done.code, ".github/workflows/bench.yml exists already" in done.err) == (2, True)


def test_a_file_is_never_replaced_without_a_word(tmp_path: Path) -> None:
    """A second call names the file that exists, and changes none."""
    folder = _copy("questions", tmp_path)
    (folder / "scenarios").mkdir()
    (folder / "scenarios/quick.yaml").write_text("mine: true\n")
    done = bench("init", "--mock", "OPENAI_BASE_URL", "--no-run", cwd=folder)
    assert done.code == 2
    assert "scenarios/quick.yaml exists already" in done.err
    assert "--force" in done.err
    assert [path.name for path in folder.rglob("*.yaml")] == ["quick.yaml"]


def test_an_application_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    """The error has the last lines of the log, and the folder is as before."""
    done = bench("init", "--command", "python3 -c 'raise SystemExit(\"no database\")'", cwd=tmp_path)
    assert done.code == 4
    assert "no database" in done.err
    assert [*tmp_path.rglob("*.yaml")] == []


def test_without_a_terminal_a_missing_start_is_an_error(tmp_path: Path) -> None:
    """An empty folder has no start, and no question is asked."""
    done = bench("init", cwd=tmp_path)
    assert done.code == 2
    assert "--command or --url" in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--command", "echo 'open"), "--command: "),
        (("--compose", "other.yaml"), "--compose other.yaml: "),
        (("--url", "http://127.0.0.1:9", "--header", "authorization: Bearer x"), "--header authorization: "),
        (("--url", "ftp://127.0.0.1"), "ftp"),
    ],
)
def test_a_wrong_option_is_named(options: tuple[str, ...], words: str, tmp_path: Path) -> None:
    """No file is written."""
    done = bench("init", *options, cwd=tmp_path)
    assert done.code == 2
    assert words in done.err
    assert [*tmp_path.rglob("*.yaml")] == []
