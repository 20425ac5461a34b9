import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import pytest
import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from bench.cli.commands import LazyCommand, app
from bench.cli.groups import Command
from bench.cli.overview import overview
from bench.cli.tree import SECTIONS, Entry
from bench.errors import Exit

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
HEAVY = {"numpy", "scipy", "httpx", "jinja2", "rich", "yaml", "psutil", "jwt", "pymongo", "pydantic"}


MOST_STARTS = 12  # times the start of a bare interpreter


def _commands(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    loaded = command.load() if isinstance(command, LazyCommand) else command
    yield path, loaded
    for name, child in getattr(loaded, "commands", {}).items():
        yield from _commands(child, (*path, name))


COMMANDS = dict(_commands(get_command(app)))


def _entries(entries: Sequence[Entry], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Entry]]:
    for entry in entries:
        here = (*path, entry.name)
        yield here, entry
        yield from _entries(() if isinstance(entry, Command) else entry.entries, here)


ENTRIES = dict(_entries([entry for section in SECTIONS for entry in section.entries]))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_a_sentence_and_an_example(path: tuple[str, ...]) -> None:
    """`--help` of each command has a sentence of at most 12 words, and an example."""
    command = COMMANDS[path]
    assert isinstance(command, TyperCommand | TyperGroup)
    (sentence, *_) = (command.help or "").split("\n\n")
    assert re.fullmatch(r"[A-Z][^.]+\.", sentence)
    assert len(sentence.split()) <= 12
    if isinstance(command, TyperCommand):
        assert f"bench {' '.join(path)}" in (command.epilog or "")


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_help_of_an_option_is_short(path: tuple[str, ...]) -> None:
    """Each option and argument has a help of at most 12 words, which ends in a full stop."""
    for parameter in COMMANDS[path].params:  # type: ignore[attr-defined]
        if parameter.name in {"install_completion", "show_completion"}:
            continue  # Typer's own
        assert parameter.help.endswith("."), parameter.name
        assert len(parameter.help.split()) <= 12, parameter.help


@pytest.mark.parametrize("path", ENTRIES, ids=" ".join)
def test_the_table_of_commands_has_the_first_sentence_of_each_command(path: tuple[str, ...]) -> None:
    """`bench --help` shows, without an import, the sentence that the command itself shows."""
    assert COMMANDS[path].help.split("\n\n")[0] == ENTRIES[path].summary  # type: ignore[attr-defined]


def test_the_help_shows_the_arguments_of_the_commands() -> None:
    """`bench --help` shows, without an import, the arguments that each command requires."""
    for path, entry in ENTRIES.items():
        if len(path) == 1 and isinstance(entry, Command):
            parameters = COMMANDS[path].params  # type: ignore[attr-defined]
            metavars = [part.metavar for part in parameters if part.param_type_name == "argument"]
            assert metavars == entry.arguments.split()


def test_the_help_has_every_command_under_a_heading() -> None:
    """The groups are in the order of a person's work, and no line is wider than a terminal."""
    text = overview()
    headings = re.findall(r"^([A-Z][\w-]+):$", text, re.MULTILINE)
    assert headings == [
        "Measure",
        "Judge",
        "Baselines",
        "Stacks",
        "Workers",
        "CI",
        "Set-up",
        "Options",
    ]
    assert all(re.search(rf"^  {path[0]} ", text, re.MULTILINE) for path in ENTRIES)
    assert max(map(len, text.splitlines())) <= 80


def _loaded_by(*arguments: str) -> set[str]:
    code = (
        f"import sys; sys.argv = ['bench', *{arguments!r}]\n"
        "from bench.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit: pass\n"
        "print('IMPORTED', *(name for name, module in sys.modules.items() if module))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("IMPORTED")[2].split())


def test_the_help_imports_neither_typer_nor_a_command() -> None:
    """`bench --help` is written from the table of commands."""
    loaded = _loaded_by("--help")
    assert not {name.partition(".")[0] for name in loaded} & {*HEAVY, "typer", "click"}
    assert {name for name in loaded if name.startswith("bench.cli")} == {
        "bench.cli",
        "bench.cli.app",
        "bench.cli.console",
        "bench.cli.groups",
        "bench.cli.overview",
        "bench.cli.tree",
    }


def test_a_command_imports_only_its_own_module() -> None:
    """The help of a group imports no command; a command's help imports that command and no other one."""
    typers_own = {"pydantic"}
    assert not {name.partition(".")[0] for name in _loaded_by("baseline", "--help")} & (HEAVY - typers_own)
    loaded = _loaded_by("schema", "--help")
    assert "bench.cli.schema" in loaded
    assert not {"bench.cli.run", "bench.cli.baseline", "bench.measure"} & loaded


def test_the_help_starts_fast() -> None:
    """`bench --help` takes less than 12 times as long as a bare interpreter takes to start.

    The processor time of children is compared, alternately, so that other programs do not disturb it.
    """
    bare, helped = [], []
    for _ in range(7):
        bare.append(_cpu_s("-c", "pass"))
        helped.append(_cpu_s("-m", "bench", "--help"))
    assert median(helped) < MOST_STARTS * median(bare)


def _cpu_s(*arguments: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, cwd=ROOT, check=True)
    after = os.times()
    user_s = after.children_user - before.children_user
    return user_s + after.children_system - before.children_system


def test_a_run_does_not_import_scipy() -> None:
    """Importing scipy costs half a second and 50 MB; only a verdict needs it."""
    code = "import sys, bench.measure.run.run, bench.store.results; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"scipy", "scipy.special", "scipy.stats"} & {*done.stdout.split()} == set()


def test_shell_completion_exists() -> None:
    """The completion script can be shown and installed."""
    options = {option for each in COMMANDS[()].params for option in each.opts}  # type: ignore[attr-defined]
    assert {"--install-completion", "--show-completion"} <= options


def _documented_commands() -> Iterator[tuple[str, str]]:
    """Yield every `bench …` in the documents' code, with the document's name."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        blocks = re.findall(r"^```(?:sh|console)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        blocks += re.findall(r"`(bench [^`]+)`", text)
        for block in blocks:
            for line in block.splitlines():
                match = re.match(r"^(?:\$ )?(bench .*)", line.strip())
                if match:
                    yield document.name, match[1]


@pytest.mark.parametrize(("document", "line"), sorted(set(_documented_commands())))
def test_the_documents_use_existing_commands(document: str, line: str) -> None:
    """Each command and option in the documents exists."""
    words = line.split("#", maxsplit=1)[0].split()[1:]
    path: tuple[str, ...] = ()
    while len(path) < len(words) and (*path, words[len(path)]) in COMMANDS:
        path = (*path, words[len(path)])
    command = COMMANDS[path]
    if not words[len(path) :] or path:
        options = {name for each in command.params for name in each.opts}  # type: ignore[attr-defined]
        said = {word.partition("=")[0] for word in words[len(path) :] if re.match(r"--?[a-z]", word)}
        assert said <= options | {"--help", "-h"}, f"{document}: {line}"
    assert path or words[0].startswith("-") or words[0] == "COMMAND", (
        f"{document}: there is no command in: {line}"
    )


def test_the_page_of_exit_codes_is_complete() -> None:
    """The table of exit codes has every code, and no other."""
    text = (ROOT / "docs" / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (\d+) \|", text, re.MULTILINE)
    assert sorted(map(int, table)) == sorted(map(int, Exit))


def test_the_app_is_a_typer_app() -> None:
    """The entry point runs it."""
    assert isinstance(app, typer.Typer)
