"""Import the Python file of a turn, and find the line of its errors."""

import inspect
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.core.config.turn import TURN, TurnFile
from bench.errors import ConfigError

_MODULE = "bench_turn"

Turn = Callable[[Any], Awaitable[object]]
"""The function of a turn; it gets the user."""


def import_turn(file: TurnFile) -> Turn:
    """Return the function of a turn. Its file may import modules of its own folder.

    Raises:
        ConfigError: The file fails, or has no coroutine `turn`; the message has the line.
    """
    folder = str(Path(file.path).parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = ModuleType(_MODULE)
    module.__file__ = file.path
    sys.modules[_MODULE] = module  # dataclasses and pickle look modules up
    try:
        exec(compile(file.source, file.path, "exec"), module.__dict__)  # noqa: S102 - the user's own code
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{find_place(error, file.path)}: {describe(error)}") from error
    turn: Turn | None = getattr(module, TURN, None)
    if turn is None or not inspect.iscoroutinefunction(turn):
        raise ConfigError(f"{file.path}:1: turn is not a coroutine", "write: async def turn(user):")
    return turn


def describe(error: BaseException) -> str:
    """Return an error in one line, as Python prints it."""
    return traceback.format_exception_only(_find_cause(error))[-1].strip()


def find_place(error: BaseException, path: str) -> str:
    """Return the file and the line of the turn where an error arose: `shop.py:12`."""
    cause = _find_cause(error)
    lines = [frame.lineno for frame in traceback.extract_tb(cause.__traceback__) if frame.filename == path]
    if isinstance(cause, SyntaxError) and cause.filename == path:
        lines.append(cause.lineno)
    line = lines[-1] if lines else None
    return f"{path}:{line or 1}"


def _find_cause(error: BaseException) -> BaseException:
    """Return the first error of a group of tasks."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
