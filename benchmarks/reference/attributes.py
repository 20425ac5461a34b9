"""Documentation of the members of an enumeration: the string literal below each."""

import ast
import inspect
from enum import Enum
from itertools import pairwise


def member_docs(enumeration: type[Enum]) -> dict[str, str]:
    """Return the documentation of each member by its name.

    Raises:
        ValueError: A member has none.
    """
    tree = ast.parse(inspect.getsource(enumeration))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef))
    docs: dict[str, str] = {}
    for statement, below in pairwise(body):
        if not isinstance(statement, ast.Assign) or not isinstance(below, ast.Expr):
            continue
        target, text = statement.targets[0], below.value
        if isinstance(target, ast.Name) and isinstance(text, ast.Constant) and isinstance(text.value, str):
            docs[target.id] = inspect.cleandoc(text.value)
    missing = [member.name for member in enumeration if member.name not in docs]
    if missing:
        raise ValueError(f"{enumeration.__name__} has members without documentation: {', '.join(missing)}")
    return docs
