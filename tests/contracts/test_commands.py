import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from bench.cli.app import app
from bench.errors import Exit

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
HEAVY = {"numpy", "scipy", "httpx", "jinja2", "rich", "yaml", "psutil", "jwt", "pymongo", "pydantic"}


def _commands(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands(child, (*path, name))


COMMANDS = dict(_commands(get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_with_an_example(path: tuple[str, ...]) -> None:
    """`--help` of each command has a sentence, and an example where the command does something."""
    command = COMMANDS[path]
    assert getattr(command, "help", "")
    if not getattr(command, "commands", {}):
        assert f"bench {' '.join(path)}" in (getattr(command, "epilog", "") or "")


def test_help_imports_nothing_heavy() -> None:
    """What `bench --help` needs is imported, and none of the libraries that take long."""
    code = (
        "import sys; sys.argv = ['bench', '--help']\n"
        "from bench.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit: pass\n"
        "print('IMPORTED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.rpartition("IMPORTED")[2].split()}
    assert not imported & HEAVY


def test_a_run_imports_no_whole_scipy() -> None:
    """`scipy.stats` is half a second and 50 MB, which only a verdict needs."""
    code = "import sys, bench.measure.run.run, bench.store.results; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"scipy.special", "scipy.stats"} & {*done.stdout.split()} == {"scipy.special"}


def test_completion_is_offered() -> None:
    """The shell's completion can be shown and installed."""
    options = {option for each in COMMANDS[()].params for option in each.opts}  # type: ignore[attr-defined]
    assert {"--install-completion", "--show-completion"} <= options


def _said_commands() -> Iterator[tuple[str, str]]:
    """Every `bench …` in the documents' code, with the document's name."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        blocks = re.findall(r"^```(?:sh|console)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        blocks += re.findall(r"`(bench [^`]+)`", text)
        for block in blocks:
            for line in block.splitlines():
                match = re.match(r"^(?:\$ )?(bench .*)", line.strip())
                if match:
                    yield document.name, match[1]


@pytest.mark.parametrize(("document", "line"), sorted(set(_said_commands())))
def test_the_documents_speak_of_commands_that_there_are(document: str, line: str) -> None:
    """Each command and option in the documents is one that the command line has."""
    words = line.split("#", maxsplit=1)[0].split()[1:]
    path: tuple[str, ...] = ()
    while len(path) < len(words) and (*path, words[len(path)]) in COMMANDS:
        path = (*path, words[len(path)])
    command = COMMANDS[path]
    if not words[len(path) :] or path:
        options = {name for each in command.params for name in each.opts}  # type: ignore[attr-defined]
        said = {word.partition("=")[0] for word in words[len(path) :] if re.match(r"--?[a-z]", word)}
        assert said <= options | {"--help", "-h"}, f"{document}: {line}"
    assert path or words[0].startswith("-"), f"{document}: there is no command in: {line}"


def test_the_page_of_exit_codes_has_those_of_the_code() -> None:
    """The table of exit codes has every code, and no other."""
    text = (ROOT / "docs" / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (\d+) \|", text, re.MULTILINE)
    assert sorted(map(int, table)) == sorted(map(int, Exit))


def test_typer_is_what_the_app_is_made_of() -> None:
    """The app is a typer app, which the package's entry point runs."""
    assert isinstance(app, typer.Typer)
