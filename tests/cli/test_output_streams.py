import io
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli.app import main
from bench.errors import Exit
from bench.store import results
from tests.command import Bench
from tests.factories import make_recording, run_at

# Every way in which a command writes to stdout: the table of commands, Typer's help, text, JSON and Markdown.
PRINTING = [
    "--help",
    "--version",
    "run --help",
    "baseline --help",
    "scenarios list",
    "scenarios check quick",
    "schema result",
    "baseline list",
    "compare RUN",
    "report RUN",
    "report RUN --out json",
    "ci merge RUN",
]


@pytest.fixture
def run_to(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[[io.TextIOWrapper, str], int]:
    """Run a command whose stdout is a stream; a run is stored in the folder RUN."""
    del bench  # only for its folder
    results.save(run_at(1.0), make_recording(), Path("results")).rename("RUN")

    def run(stdout: io.TextIOWrapper, command: str) -> int:
        monkeypatch.setattr(sys, "argv", ["bench", *command.split()])
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stdout)
            with pytest.raises(SystemExit) as caught:
                main()
        return int(caught.value.code or 0)

    return run


Run = Callable[[io.TextIOWrapper, str], int]


@pytest.mark.parametrize("command", PRINTING)
def test_output_that_cannot_be_written_is_exit_5(
    run_to: Run, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Whatever a command prints: one sentence says that it is lost."""
    with Path("/dev/full").open("w", encoding="utf-8") as stdout:
        assert run_to(stdout, command) == Exit.MEASUREMENT
    error = capsys.readouterr().err.partition("error: ")[2]
    assert error.splitlines()[0] == "cannot write to stdout: No space left on device"


@pytest.mark.parametrize("command", PRINTING)
def test_a_closed_pipe_is_exit_141(run_to: Run, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Whatever a command prints: the reader has what it wants, so no error is printed."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as stdout:
        assert run_to(stdout, command) == Exit.CLOSED_PIPE
    assert "error" not in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-16-le"])
@pytest.mark.parametrize("command", ["report RUN", "scenarios list", "report RUN --out markdown"])
def test_an_encoding_replaces_the_characters_that_it_lacks(run_to: Run, command: str, encoding: str) -> None:
    """The output has the same exit code and, except for such characters, the same text as in UTF-8."""
    texts = {}
    for name in ("utf-8", encoding):
        with Path("output").open("w", encoding=name) as stdout:
            assert run_to(stdout, command) == Exit.PASS
        texts[name] = Path("output").read_bytes().decode(name)
    assert len(texts[encoding]) == len(texts["utf-8"])
    for letter, original in zip(texts[encoding], texts["utf-8"], strict=True):
        assert letter == original or not original.encode(encoding, "ignore")


def test_a_warning_of_python_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings of packages are for their developers; a person cannot act on them."""

    def warn() -> None:
        warnings.warn("this is deprecated", DeprecationWarning, stacklevel=1)
        warnings.warn("the key is short", UserWarning, stacklevel=1)

    with warnings.catch_warnings():
        main(warn)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (
            OSError(28, "No space left on device", "a/b"),
            Exit.MEASUREMENT,
            "cannot use a/b: No space left on device",
        ),
        (
            PermissionError(13, "Permission denied", b"a\xff"),
            Exit.MEASUREMENT,
            "cannot use a\ufffd: Permission denied",
        ),
        (
            OSError(24, "Too many open files"),
            Exit.MEASUREMENT,
            "the system reports an error: Too many open files",
        ),
        (OSError("it broke"), Exit.MEASUREMENT, "the system reports an error: it broke"),
        (MemoryError(), Exit.MEASUREMENT, "the memory is full"),
        (ZeroDivisionError("by zero"), Exit.BUG, "this is a bug in bench; please report the lines above"),
    ],
)
def test_an_error_of_the_system_is_no_bug(
    capsys: pytest.CaptureFixture[str], error: Exception, code: Exit, message: str
) -> None:
    """A person can act on an error of the system, so it is one sentence; all others are bugs."""

    def fail() -> None:
        raise error

    with pytest.raises(SystemExit) as caught:
        main(fail)
    assert caught.value.code == code
    printed = capsys.readouterr().err
    assert f"error: {message}\n" in printed
    assert ("Traceback" in printed) is (code is Exit.BUG)


@pytest.mark.parametrize("error", [EOFError("no more"), BrokenPipeError(32, "Broken pipe")])
def test_a_connection_that_ends_is_no_regression(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Typer would exit with 1 after these errors."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("bench.cli.schema.find_schema", fail)
    done = bench("schema", "scenario")
    assert done.code == Exit.MEASUREMENT
    assert done.err.startswith("error: a file or a connection ended early: ")


def test_an_argument_that_is_not_text_is_refused(bench: Bench) -> None:
    """The bytes of a name in another encoding cannot be written to a result."""
    done = bench("report", "caf\udce9")
    assert done.code == Exit.USAGE
    assert r"error: the argument 'caf\udce9' is not text in UTF-8" in done.err


@pytest.mark.parametrize("target", ["RUN/result.json/x.md", "/dev/full/x.md", "RUN"])
def test_a_file_that_cannot_be_written_is_named(bench: Bench, target: str) -> None:
    """The error is one sentence with the path, and the exit is 5."""
    results.save(run_at(1.0), make_recording(), Path("results")).rename("RUN")
    done = bench("report", "RUN", "--out", f"markdown={target}")
    assert done.code == Exit.MEASUREMENT
    assert done.err.startswith(f"error: cannot write {target}: ")
