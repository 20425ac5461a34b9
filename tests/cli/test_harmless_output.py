"""Text from outside neither steers a terminal nor commands the runner of GitHub Actions."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import environment

HOSTILE = "a\x1b]0;title\x07b\u202ec\x9bd\re"
LOG = "the end of its log:\n::error::x\n  ::add-mask::y\nz ##[group]q"
START = f"""
from bench.cli.app import main
from bench.cli.console import fail, print_command, say
from bench.errors import StoreError
HOSTILE = {HOSTILE!r}
LOG = {LOG!r}
def command():
    """


def run(command: str, *, log: bool = False, file: Path | None = None) -> str:
    """Return what a command writes to stdout and stderr: a file, or the pipe to a runner or a program."""
    variables = environment(**({"GITHUB_ACTIONS": "true"} if log else {}), PYTHONIOENCODING="utf-8")
    program = [sys.executable, "-c", f"{START}{command}\nmain(command)"]
    if file is None:
        done = subprocess.run(
            program, env=variables, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return done.stdout.decode()
    with file.open("wb") as stdout:
        subprocess.run(program, env=variables, check=False, stdout=stdout, stderr=subprocess.STDOUT)
    return file.read_bytes().decode()


def active(log: str) -> list[str]:
    """Return the lines of a log that the runner takes for commands."""
    commands: list[str] = []
    token = None
    for line in re.split(r"[\r\n]+", log):
        name = line.strip()
        if token is not None:
            token = None if name == f"::{token}::" else token
        elif name.startswith("::stop-commands::"):
            token = name.removeprefix("::stop-commands::")
        elif name.startswith("::") or "##[" in line:
            commands.append(line)
    return commands


@pytest.mark.parametrize("write", ["print(HOSTILE)", "say(HOSTILE)", "fail(StoreError('x', HOSTILE))"])
def test_no_control_sequence_leaves_the_program(write: str) -> None:
    """Data, messages and errors show such characters as JSON writes them."""
    assert r"a\u001b]0;title\u0007b\u202ec\u009bd\u000de" + "\n" in run(write)


def test_data_keeps_its_meaning() -> None:
    """A program that reads JSON gets the characters that were stored; line ends and tabs stay."""
    command = "import json; print(json.dumps({'name': HOSTILE}, ensure_ascii=False) + '\\t\\r\\n', end='')"
    written = run(command)
    assert json.loads(written) == {"name": HOSTILE}
    assert written.endswith("\t\r\n")


def test_a_terminal_keeps_the_styles_of_bench() -> None:
    """Colours and the return to the start of the line stay; titles, links and questions do not."""
    command = "print('\\x1b[31mred\\x1b[0m\\rx' + HOSTILE); say('\\x1b[31m')"
    screen, terminal = os.openpty()
    program = [sys.executable, "-c", f"{START}{command}\nmain(command)"]
    subprocess.run(program, env=environment(TERM="xterm"), check=False, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = os.read(screen, 4096).decode()
    os.close(screen)
    assert "\x1b[31mred\x1b[0m\rx" in shown
    assert r"a\u001b]0;title\u0007b\u202ec\u009bd" in shown
    assert r"\u001b[31m" in shown, "a message has no styles"


def test_no_text_is_a_command_of_the_runner() -> None:
    """Messages, errors and lines in parts contain no active command; those of bench are active."""
    log = run(
        "say(LOG); print_command('::notice::mine\\n'); print(':', end=''); print(':error::a'); "
        "print('x\\r::error::b'); fail(StoreError(LOG))",
        log=True,
    )
    assert active(log) == ["::notice::mine"]
    assert "\\u003a:error::a" in log


def test_the_runner_ignores_commands_in_the_log_of_a_service() -> None:
    """An error of several lines stops all commands, with a token that no service can know."""
    logs = [run("fail(StoreError(LOG))", log=True) for _ in range(2)]
    tokens = [re.findall(r"^::stop-commands::(\w{32})$", log, re.MULTILINE) for log in logs]
    for log, token in zip(logs, tokens, strict=True):
        assert log.startswith(f"::stop-commands::{token[0]}\nerror: the end of its log:\n")
        assert log.endswith(f"\n::{token[0]}::\n")
    assert tokens[0] != tokens[1]


def test_a_file_has_no_commands(tmp_path: Path) -> None:
    """A redirected output is data: it is not changed for the runner."""
    written = run("print('::x::y'); fail(StoreError('a\\nb'))", log=True, file=tmp_path / "out")
    assert sorted(written.splitlines()) == ["::x::y", "b", "error: a"]
