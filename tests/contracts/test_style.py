"""Style limits that no linter of the project checks: density, class names and function length."""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_PER_1000_LINES = {"packed assignments": 1.0, "comprehensions": 15.0}
LONGEST_FUNCTION = 60
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def files() -> dict[Path, str]:
    """Return the text of each module."""
    return {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "bench").rglob("*.py"))}


@cache
def trees() -> dict[Path, ast.Module]:
    """Return the syntax tree of each module."""
    return {path: ast.parse(text) for path, text in files().items()}


def _nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path, tree in trees().items():
        for node in ast.walk(tree):
            yield path, node


def _is_packed(node: ast.AST) -> bool:
    """Several values assigned to several names in one statement: `a, b = f(), g()`."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Tuple):
        return False
    return any(isinstance(target, ast.Tuple) for target in node.targets)


def test_the_density_stays_readable() -> None:
    """A line holds one idea: few packed assignments, few comprehensions."""
    counts = Counter[str]()
    for _, node in _nodes():
        counts["packed assignments"] += _is_packed(node)
        counts["comprehensions"] += isinstance(node, COMPREHENSIONS)
    lines = sum(text.count("\n") for text in files().values())
    rates = {habit: 1000 * counts[habit] / lines for habit in MOST_PER_1000_LINES}
    assert all(rates[habit] <= most for habit, most in MOST_PER_1000_LINES.items()), rates


def test_a_loop_variable_names_its_item() -> None:
    """`each` does not tell the reader what it holds."""
    found = []
    for path, node in _nodes():
        target = getattr(node, "target", None)
        is_loop = isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)
        if is_loop and isinstance(target, ast.Name) and target.id == "each":
            found.append(f"{path.relative_to(ROOT)}:{target.lineno}")
    assert not found


def test_a_public_class_name_is_defined_once() -> None:
    """A name has one meaning in the whole package."""
    defined: dict[str, list[str]] = {}
    for path, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert not {name: paths for name, paths in defined.items() if len(paths) > 1}


def test_functions_are_short() -> None:
    """A longer function has parts with names of their own."""
    long = {}
    for path, node in _nodes():
        if isinstance(node, FUNCTIONS) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert not long


@pytest.mark.parametrize("word", ["utils", "helpers", "manager", "misc"])
def test_no_module_has_a_name_without_meaning(word: str) -> None:
    """A reader finds a feature by guessing its path."""
    assert not [path for path in files() if word in path.stem]
