"""The `--out` option: which format goes to stdout and which to a file."""

import math
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Generic

import typer
from rich.cells import cell_len

from bench.cli.console import count_said_lines, foreign_output, has_colours, say
from bench.errors import ConfigError
from bench.render.document.format import (
    COLUMNS,
    PLAIN,
    SCREEN_COLUMNS,
    SCREEN_LINES,
    Format,
    Input,
    ShortLayout,
    Terminal,
)
from bench.render.formats import RUN_FORMATS, find_format
from bench.store.files import write_chunks

_WIDEST = 120
_FEWEST_LINES = 10
"""Lines of a short report, also if the command names many files below it."""
_MOST_ABOVE = 6
"""Lines of messages above a report that count; more of them scroll away."""
_WRITTEN = "written to {}"
Render = Callable[[Format[Input], Terminal], Iterator[str]]


@dataclass(frozen=True)
class Output(Generic[Input]):
    """A format, and the file that `--out` names for it."""

    form: Format[Input]
    file: Path | None


def out_option(formats: Mapping[str, Format[Input]]) -> Any:
    """Return the option `--out` of a command that has these formats."""
    names = ", ".join(formats)
    return typer.Option("--out", metavar="FORMAT[=FILE]", help=f"Write {names}; repeatable (default: text).")


RunOut = Annotated[list[str] | None, out_option(RUN_FORMATS)]


def parse_outputs(texts: Sequence[str] | None, formats: Mapping[str, Format[Input]]) -> list[Output[Input]]:
    """Return the outputs that `--out` names, without duplicates.

    Args:
        texts: `FORMAT` or `FORMAT=FILE`.
        formats: The formats of the command, by name.

    Raises:
        ConfigError: A format is unknown, or the name of a file is empty or `-`.
    """
    outputs: dict[str, Output[Input]] = {}
    for text in texts or ():
        name, equals, file = text.partition("=")
        form = _find_format(formats, name)
        if equals and not file:
            raise ConfigError(f"--out {text}: the name of the file is missing", f"--out {name}={form.file}")
        if file == "-":
            hint = f"--out {name}" if form.printable else f"--out {name}={form.file}"
            raise ConfigError(f"--out {text}: - is not a file; a format without a file is printed", hint)
        outputs[text] = Output(form, Path(file) if file else None)
    return list(outputs.values())


def write_outputs(
    outputs: Sequence[Output[Input]],
    render: Render[Input],
    folder: Path | None,
    default: Format[Input] | None = None,
    short: ShortLayout | None = None,
) -> None:
    """Print one output on stdout, write the others to files, and name each file on stderr.

    The first output without a file goes to stdout, if its format can be printed. Further outputs without a
    file go into the folder, under the standard name of their format.

    Args:
        outputs: The parsed `--out` options.
        render: Yields the report of a format in parts.
        folder: The run's folder; None for a report of several runs, whose outputs need a file.
        default: The format for stdout if no output goes there; None to print nothing then.
        short: The space of a short text on stdout; None for the complete text, as in every file.

    Raises:
        ConfigError: An output needs a file and has none.
        StoreError: A file cannot be written, or a stored run cannot be read.
    """
    printed = find_printed(outputs)
    paths: dict[Path, Format[Input]] = {}
    for output in outputs:
        if output is not printed:
            paths[_choose_path(output, folder)] = output.form
    on_stdout = printed.form if printed else default
    if on_stdout is not None:
        terminal = layout_of_stdout(_leave_lines(short, paths))
        with foreign_output(sys.stdout, wanted=on_stdout.name == "text"):
            for part in render(on_stdout, terminal):
                print(part, end="", flush=True)
    for path, form in paths.items():
        write_chunks(path, (part.encode() for part in render(form, PLAIN)))
        say(_WRITTEN.format(path))


def _leave_lines(short: ShortLayout | None, paths: Iterable[Path]) -> ShortLayout | None:
    """Return the space that the names of written files leave."""
    if short is None:
        return None
    below = count_lines(map(_WRITTEN.format, paths))
    return replace(short, lines=max(_FEWEST_LINES, short.lines - below))


def count_lines(texts: Iterable[str]) -> int:
    """Return the number of lines of texts on the terminal of stdout, after wrapping."""
    columns = _columns(SCREEN_COLUMNS)
    lines = 0
    for text in texts:
        lines += max(1, math.ceil(cell_len(text) / columns))
    return lines


def short_layout(folder: Path | None, *, below: int = 0) -> ShortLayout:
    """Return the space of the short report on a run: that of a screen without the messages above it.

    Args:
        folder: The folder of the run; None for several runs.
        below: Lines that the command prints below the report.
    """
    page = None if folder is None else folder / RUN_FORMATS["html"].file
    above = min(_MOST_ABOVE, count_said_lines())
    return ShortLayout(
        lines=SCREEN_LINES - above - below,
        folder=None if folder is None else str(folder),
        page=str(page) if page is not None and page.exists() else None,
    )


def _find_format(formats: Mapping[str, Format[Input]], name: str) -> Format[Input]:
    try:
        return find_format(formats, name)
    except ConfigError as error:
        raise ConfigError(f"--out {name}: {error.message}", error.hint) from error


def find_printed(outputs: Sequence[Output[Input]]) -> Output[Input] | None:
    """Return the output that goes to stdout; None if there is none."""
    for output in outputs:
        if output.file is None and output.form.printable:
            return output
    return None


def _choose_path(output: Output[Input], folder: Path | None) -> Path:
    if output.file is not None:
        return output.file
    if folder is not None:
        return folder / output.form.file
    name = output.form.name
    raise ConfigError(f"--out {name}: name a file", f"--out {name}={output.form.file}")


def layout_of_stdout(short: ShortLayout | None = None) -> Terminal:
    """Return the layout of stdout: its columns, and its colours.

    Args:
        short: The space of a short text; None for a complete one.
    """
    columns = _columns(COLUMNS if short is None else SCREEN_COLUMNS)
    return Terminal(columns, has_colours(sys.stdout), short)


def _columns(default: int) -> int:
    return min(shutil.get_terminal_size((default, 24)).columns, _WIDEST)
