"""Reads the descriptions of fields: the string literals below them.

Reading sources takes milliseconds per class, so only those do it who show the descriptions, such as a schema.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise


def field_docs(declaration: type) -> dict[str, str]:
    """Return the description of each field of a class, as one line; empty if the class has no source."""
    try:
        source = inspect.getsource(declaration)
    except (OSError, TypeError):  # the class is made by a function, or only its bytecode is installed
        return {}
    tree = ast.parse(textwrap.dedent(source))
    return dict(_docs(tree.body[0]))


def _docs(declaration: ast.stmt) -> Iterator[tuple[str, str]]:
    assert isinstance(declaration, ast.ClassDef)  # noqa: S101 - the source of a class
    for statement, below in pairwise(declaration.body):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            yield statement.target.id, " ".join(str(below.value.value).split())
