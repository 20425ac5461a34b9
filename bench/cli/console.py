"""The streams of the process: text for people on stderr, data on stdout."""

import codecs
import io
import os
import sys
from typing import NoReturn, TextIO

from bench.core.values.escape import one_line
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
    "\N{NO-BREAK SPACE}": " ",
    "\N{NARROW NO-BREAK SPACE}": " ",
}
_REPLACE = "bench-replace"


class OutputError(Exception):
    """stdout cannot be written. It is not an OSError, so that Typer and rich do not handle it."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror)
        self.error = error


class _Output(io.TextIOWrapper):
    """stdout. It writes all characters, and an error is an OutputError."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise OutputError(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise OutputError(error) from error


class _Messages(io.TextIOWrapper):
    """stderr. It writes all characters; a message that cannot be written ends no measurement."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            return len(text)

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


def say(text: str) -> None:
    """Print one line on stderr."""
    print(text, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a warning on stderr, on one line: it may contain the words of a server."""
    say(f"warning: {one_line(text)}")


def fail(error: BenchError) -> NoReturn:
    """Print an error with its hint, and exit with the error's code."""
    hint = f"\n\nhint: {error.hint}" if error.hint else ""
    say(f"error: {error.message}{hint}")
    raise SystemExit(error.exit_code)


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


def _wrap(kind: type[io.TextIOWrapper], stream: TextIO | None, number: int) -> TextIO:
    """Return a standard stream as one of this kind; other streams, such as those of a test, stay."""
    if stream is None:
        return kind(os.fdopen(number, "wb"), "utf-8", _REPLACE)
    if type(stream) is not io.TextIOWrapper:
        return stream
    return kind(
        stream.buffer,
        stream.encoding,
        _REPLACE,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
