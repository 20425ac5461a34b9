"""The text of `bench --help`: all commands under their headings."""

from textwrap import wrap
from typing import assert_never

from bench.cli.groups import Command, Group
from bench.cli.tree import SECTIONS, SUMMARY, Entry

EXIT_CODES = """\
Exit codes: 0 pass, 1 regression or crossed threshold, 2 usage error,
3 inconclusive (1 with --strict), 4 stack failed, 5 measurement failed,
6 publishing failed, 70 bug in bench, 130 interrupted, 141 closed pipe."""
OPTIONS = (
    ("--version", "Print the version."),
    ("--install-completion", "Install completion for this shell."),
    ("--show-completion", "Print the completion script of this shell."),
    ("-h, --help", "Print this help."),
)
EXAMPLE = "Example: bench check quick"
_COMMAND_WIDTH = 18
_OPTION_WIDTH = 24
_LINE_WIDTH = 80 - 2 - _COMMAND_WIDTH


def overview() -> str:
    """Return the text of `bench --help`: the commands under their headings."""
    lines = ["Usage: bench [OPTIONS] COMMAND [ARGS]...", "", SUMMARY]
    for section in SECTIONS:
        lines += ["", f"{section.heading}:"]
        for entry in section.entries:
            lines += _rows(entry)
    lines += ["", "Options:"]
    for option, text in OPTIONS:
        lines.append(_row(option, text, _OPTION_WIDTH))
    lines += ["", EXIT_CODES, "", EXAMPLE, ""]
    return "\n".join(lines)


def _rows(entry: Entry) -> list[str]:
    """Return the lines of a command, or of a group and the names of its commands."""
    match entry:
        case Command():
            return [_row(f"{entry.name} {entry.arguments}", entry.summary)]
        case Group():
            names = ", ".join(child.name for child in entry.entries)
            rows = [_row("", line) for line in wrap(names, _LINE_WIDTH)]
            return [_row(entry.name, entry.summary), *rows]
        case _:
            assert_never(entry)


def _row(label: str, text: str, width: int = _COMMAND_WIDTH) -> str:
    return f"  {label:<{width}}{text}"
