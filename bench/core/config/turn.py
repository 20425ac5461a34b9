"""Turns in Python: a file with an `async def turn(user)` that a scenario names instead of steps."""

import ast
from typing import NamedTuple

from bench.core.values.record import Record

TURN = "turn"
"""Name of the function, and of failures outside of its steps in results."""
_ADVICE = "write: async def turn(user):"


class TurnFile(Record):
    """The file of a turn."""

    path: str
    """Absolute path of the file."""
    source: str
    """Its content."""
    prefix: str = ""
    """Text before the names of its steps: in a mix, the name of the scenario."""


class TurnProblem(NamedTuple):
    """Why a file has no turn."""

    line: int
    """Line of the file, from 1."""
    message: str
    """The problem and its cure."""


def check_turn(source: str) -> TurnProblem | None:
    """Return why a file has no turn, without running it; `None` if it seems to have one."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return TurnProblem(error.lineno or 1, f"is not Python: {error.msg}")
    except ValueError as error:  # a NUL
        return TurnProblem(1, f"is not Python: {error}")
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == TURN:
            return TurnProblem(statement.lineno, f"turn must be a coroutine; {_ADVICE}")
        if isinstance(statement, ast.AsyncFunctionDef) and statement.name == TURN:
            return _check_parameters(statement)
    is_bound = any(TURN in _list_names(statement) for statement in tree.body)
    return None if is_bound else TurnProblem(1, f"has no function turn; {_ADVICE}")


def _check_parameters(function: ast.AsyncFunctionDef) -> TurnProblem | None:
    parameters = [*function.args.posonlyargs, *function.args.args]
    if len(parameters) == 1 or function.args.vararg is not None:
        return None
    return TurnProblem(function.lineno, f"turn must have one parameter, the user; {_ADVICE}")


def _list_names(statement: ast.stmt) -> set[str]:
    """Return the names that an import or an assignment binds."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name for alias in statement.names}
    targets = statement.targets if isinstance(statement, ast.Assign) else ()
    return {target.id for target in targets if isinstance(target, ast.Name)}
