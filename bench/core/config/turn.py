"""Turns in Python: a file with an `async def turn(user)` that a scenario names instead of steps."""

import ast
from collections.abc import Callable
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


def check_reads(source: str, is_known: Callable[[str], bool]) -> TurnProblem | None:
    """Return which environment variable a turn reads that it will not get; `None` without one.

    Reads with a constant name are found: `os.environ["KEY"]`, `os.environ.get("KEY")`, `os.getenv("KEY")`.

    Args:
        source: The content of the file, which is Python.
        is_known: Returns whether the load generator gets a variable.
    """
    for node in ast.walk(ast.parse(source)):
        name = _find_read(node)
        if isinstance(node, ast.expr) and name is not None and not is_known(name):
            message = (
                f"reads the environment variable {name}; declare it in the scenario: variables: [{name}]"
            )
            return TurnProblem(node.lineno, message)
    return None


def _find_read(node: ast.AST) -> str | None:
    """Return the name of the environment variable that an expression reads."""
    match node:
        case ast.Subscript(value=value, slice=ast.Constant(value=str(name)), ctx=ast.Load()):
            return name if _ends_with(value, "environ") else None
        case ast.Call(func=ast.Attribute(value=value, attr="get"), args=[ast.Constant(value=str(name)), *_]):
            return name if _ends_with(value, "environ") else None
        case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
            return name if _ends_with(function, "getenv") else None
        case _:
            return None


def _ends_with(expression: ast.expr, name: str) -> bool:
    """Return whether an expression is this name, or an attribute of this name."""
    is_name = isinstance(expression, ast.Name) and expression.id == name
    return is_name or (isinstance(expression, ast.Attribute) and expression.attr == name)


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
