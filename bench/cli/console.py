"""The streams of the process: text for people on stderr, data on stdout.

All text leaves the program here, so this module makes it harmless: no text from outside steers a terminal,
and none is a command for the runner of GitHub Actions.
"""

import codecs
import io
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn, TextIO

from bench.core.values.escape import escape_actions, escape_log, escape_output, one_line
from bench.errors import BenchError, Exit, StoreError

# Characters of reports and messages, and those that replace them in an encoding that lacks them.
_REPLACEMENTS = {
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{EN DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{RIGHTWARDS ARROW}": ">",
    "\N{HORIZONTAL ELLIPSIS}": "~",
    "\N{MIDDLE DOT}": ".",
    "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
    "\N{BOX DRAWINGS LIGHT VERTICAL}": "|",
    "\N{BOX DRAWINGS LIGHT VERTICAL AND RIGHT}": "[",
    "\N{BOX DRAWINGS LIGHT VERTICAL AND LEFT}": "]",
    "\N{BOX DRAWINGS LIGHT VERTICAL AND HORIZONTAL}": "+",
    "\N{BLACK CIRCLE}": "o",
    "\N{LIGHT SHADE}": ".",
    "\N{DARK SHADE}": "+",
    "\N{FULL BLOCK}": "#",
    "\N{BLACK RIGHT-POINTING TRIANGLE}": ">",
    "\N{NO-BREAK SPACE}": " ",
    "\N{NARROW NO-BREAK SPACE}": " ",
}
_REPLACE = "bench-replace"


class OutputError(Exception):
    """stdout cannot be written. It is not an OSError, so that Typer and rich do not handle it."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror)
        self.error = error


class _Harmless(io.TextIOWrapper):
    """A stream whose text is escaped. In a log of GitHub Actions, it writes complete lines."""

    _is_log = False
    _has_styles = False
    _begun = ""
    """Start of a line whose end is not written yet."""

    def set_kind(self) -> None:
        """Find out where the text goes: to a terminal, to the log of a job, or to a file or a program."""
        self._has_styles = self.isatty() or has_colours(self)
        self._is_log = is_actions_job() and _is_log(self)

    def write(self, text: str) -> int:
        escaped = escape_output(text, has_styles=self._has_styles)
        if self._is_log:
            lines, line_end, self._begun = (self._begun + escaped).rpartition("\n")
            escaped = escape_log(lines) + line_end
        self._write(escaped)
        return len(text)

    def write_command(self, text: str) -> None:
        """Write commands for the runner, whose values are escaped already."""
        self.flush()
        self._write(escape_output(text))
        self.flush()

    def flush(self) -> None:
        begun = self._begun
        self._begun = ""
        if begun:
            self._write(escape_log(begun))
        super().flush()

    def _write(self, text: str) -> None:
        super().write(text)


class _Output(_Harmless):
    """stdout. It writes all characters, and an error is an OutputError."""

    def _write(self, text: str) -> None:
        try:
            super()._write(text)
        except OSError as error:
            raise OutputError(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise OutputError(error) from error


class _Messages(_Harmless):
    """stderr. It writes all characters; a message that cannot be written ends no measurement."""

    def _write(self, text: str) -> None:
        with suppress(OSError):
            super()._write(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            _discard(self)


def open_streams() -> None:
    """Replace stdout and stderr of the process by streams that write all characters.

    Raises:
        StoreError: stdout is closed.
    """
    codecs.register_error(_REPLACE, _replace)
    is_closed = sys.stdout is None
    _open_standard_files()
    sys.stderr = _wrap(_Messages, sys.stderr, 2)
    sys.stdout = _wrap(_Output, sys.stdout, 1)
    if is_closed:
        raise StoreError("stdout is closed", "write the output to a file, or to /dev/null")


def end_output(error: OutputError) -> NoReturn:
    """Exit after an error of stdout: silently if the reader of a pipe ended, as `head` does."""
    _discard(sys.stdout)  # the interpreter writes the rest when it ends
    if isinstance(error.error, BrokenPipeError):
        raise SystemExit(Exit.CLOSED_PIPE)
    fail(
        StoreError(
            f"cannot write to stdout: {error.error.strerror}", "free disk space, or write to another file"
        )
    )


def print_line(text: str) -> None:
    """Write one line of data to stdout, without control characters."""
    print(one_line(text))


class _Said:
    """The messages of this process on a terminal."""

    lines = 0


def say(text: str) -> None:
    """Print lines on stderr. They may contain the words of a server, so they have no control sequences."""
    print(escape_output(text), file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        columns = shutil.get_terminal_size().columns
        for line in text.split("\n"):
            _Said.lines += max(1, -(-len(line) // columns))


def count_said_lines() -> int:
    """Return the number of lines that messages have on the terminal of stderr; 0 without a terminal."""
    return _Said.lines


def warn(text: str) -> None:
    """Print a warning on stderr, on one line."""
    say(f"warning: {one_line(text)}")


def notice(text: str) -> None:
    """Print a notice on stderr; in a job of GitHub Actions, it appears above the workflow run."""
    if is_actions_job():
        print_command(f"::notice title=bench::{escape_actions(one_line(text))}\n", sys.stderr)
    else:
        say(f"notice: {one_line(text)}")


def fail(error: BenchError) -> NoReturn:
    """Print an error with its hint, and exit with the error's code."""
    hint = f"\n\nhint: {error.hint}" if error.hint else ""
    with foreign_output(sys.stderr, wanted="\n" in error.message):  # the log of a service
        say(f"error: {error.message}{hint}")
    raise SystemExit(error.exit_code)


def has_colours(stream: TextIO) -> bool:
    """Return whether text on a stream has colours.

    A terminal has them, unless NO_COLOR is set or TERM is `dumb`. FORCE_COLOR switches them on elsewhere.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def is_actions_job() -> bool:
    """Return whether this is a job of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def print_command(text: str, stream: TextIO | None = None) -> None:
    """Write commands for the runner of GitHub Actions, by default to stdout."""
    stream = stream or sys.stdout
    if isinstance(stream, _Harmless):
        stream.write_command(text)
    else:
        print(text, end="", file=stream, flush=True)


@contextmanager
def foreign_output(stream: TextIO, *, wanted: bool = True) -> Iterator[None]:
    """Let the runner of GitHub Actions ignore all commands that a stream contains in this block."""
    if not (wanted and is_actions_job() and _is_log(stream)):
        yield
        return
    token = secrets.token_hex(16)
    print_command(f"::stop-commands::{token}\n", stream)
    try:
        yield
    finally:
        print_command(f"::{token}::\n", stream)


def _is_log(stream: TextIO) -> bool:
    """Return whether a stream can be the log of a job, and not a file."""
    try:
        return not stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # the stream of a test
        return True


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Return the replacement of characters that an encoding lacks, and the place where to continue."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_REPLACEMENTS.get(letter, "?") for letter in letters), error.end


def _discard(stream: TextIO) -> None:
    """Let a stream write to /dev/null from now on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_standard_files() -> None:
    """Open the standard files that are closed as /dev/null, so that no other file gets their numbers."""
    number = os.open(os.devnull, os.O_RDWR)
    while number < 3:  # noqa: PLR2004 - stdin, stdout and stderr
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)


def _wrap(kind: type[_Harmless], stream: TextIO | None, number: int) -> TextIO:
    """Return a standard stream as one of this kind; other streams, such as those of a test, stay."""
    if stream is None:
        return kind(os.fdopen(number, "wb"), "utf-8", _REPLACE)
    if type(stream) is not io.TextIOWrapper:
        return stream
    harmless = kind(
        stream.buffer,
        stream.encoding,
        _REPLACE,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    harmless.set_kind()
    return harmless
