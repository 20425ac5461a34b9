import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import Exit
from bench.store import results
from tests.command import environment
from tests.factories import make_recording, run_at


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a stored run."""
    home = tmp_path_factory.mktemp("output")
    results.save(run_at(1.0), make_recording(), home).rename(home / "RUN")
    return home


def shell(script: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a line of bash, in which `bench` is the command."""
    function = f'bench() {{ {shlex.quote(sys.executable)} -m bench "$@"; }}\n'
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", function + script],
        cwd=folder,
        env=environment(PYTHONPATH=str(Path(__file__).parents[2]), **variables),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["--help", "report RUN"])
def test_a_full_disk_is_one_sentence_and_exit_5(folder: Path, command: str, unbuffered: str) -> None:
    """The exit says that the output is lost, and the interpreter adds no exception when it ends."""
    done = shell(f"bench {command} > /dev/full", folder, PYTHONUNBUFFERED=unbuffered)
    assert done.stderr.startswith("error: cannot write to stdout: No space left on device\n\nhint: ")
    assert "Exception" not in done.stderr
    assert done.returncode == Exit.MEASUREMENT


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["run --help", "schema result"])
def test_a_reader_that_ends_first_is_no_error(folder: Path, command: str, unbuffered: str) -> None:
    """The exit never is that of a regression or of a bug, and no error is printed."""
    done = shell(f"bench {command} | head -1", folder, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode in {Exit.PASS, Exit.CLOSED_PIPE}
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("redirection", "code"),
    [("2>&-", Exit.PASS), ("2>/dev/full", Exit.PASS), ("<&-", Exit.PASS), (">&-", Exit.MEASUREMENT)],
)
def test_closed_files_change_only_the_exit_of_lost_output(folder: Path, redirection: str, code: Exit) -> None:
    """Messages may be lost; data may not, and no message goes to stdout instead."""
    done = shell(f"bench report RUN --out text --out markdown=lost.md {redirection}", folder)
    assert done.returncode == code
    assert "written to" not in done.stdout
    assert not re.search("Traceback|Exception", done.stderr)
    assert code is Exit.PASS or done.stderr.startswith("error: stdout is closed\n")


def test_a_terminal_without_utf_8_and_without_width_gets_the_report(folder: Path) -> None:
    """A plain locale, `TERM=dumb` and a few columns change no exit code."""
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TERM": "dumb", "COLUMNS": "9"}
    done = shell("bench report RUN", folder, **plain)
    assert (done.returncode, done.stderr) == (Exit.PASS, "")
    assert done.stdout.isascii()
