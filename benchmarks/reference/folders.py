"""Tables of the folders in the page on architecture, from the docstrings of the packages."""

import ast
import re
import tomllib
from pathlib import Path

from .markdown import code, table

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "measure")


def with_folders(text: str) -> str:
    """Return the page with its two tables of folders as the packages describe themselves."""
    for room in ROOMS:
        heading = f"### Inside `bench/{room}`\n\n"
        rest = text.partition(heading)[2]
        old = re.match(r"(\|.*\n)*", rest)
        if not old or not old[0]:
            raise ValueError(f"the page has no table below {heading.strip()}")
        text = text.replace(heading + old[0], heading + _table(room))
    return text


def _table(room: str) -> str:
    rows = [[code(f"{folder}/"), _contents(room, folder)] for folder in _layers(room)]
    return table(["folder", "contents"], rows)


def _contents(room: str, folder: str) -> str:
    path = ROOT / "bench" / room / folder / "__init__.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.rstrip(".")


def _layers(room: str) -> list[str]:
    """Return the folders from the ground up, in the order that `make contracts` checks."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract.get("containers") == [f"bench.{room}"]:
            layers = [layer.split(" | ") for layer in reversed(contract["layers"])]
            return [folder for layer in layers for folder in layer]
    raise ValueError(f"no contract describes the layers of bench.{room}")
