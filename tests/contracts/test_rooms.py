import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _layers(room: str) -> list[str]:
    """The folders from the ground, as `make contracts` holds the imports to them."""
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each.get("containers") == [f"bench.{room}"]]
    return [folder for layer in reversed(layers) for folder in layer.split(" | ")]


def _folders(*of: str) -> dict[str, Path]:
    return {path.name: path for path in ROOT.joinpath(*of).iterdir() if any(path.glob("*.py"))}


@pytest.mark.parametrize("room", ["core", "measure"])
def test_the_documents_folders_are_the_codes(room: str) -> None:
    """The page on architecture describes each folder as its docstring does, in the order of the imports."""
    text = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition(f"### Inside `bench/{room}`\n")[2].partition("\n#")[0]
    explained = re.findall(r"^\| `(\w+)/` \| (.+) \|$", section, re.MULTILINE)
    words = {
        name: ast.get_docstring(ast.parse((path / "__init__.py").read_text(encoding="utf-8")))
        for name, path in _folders("bench", room).items()
    }
    assert [name for name, _ in explained] == _layers(room)
    assert {name: f"{contents}." for name, contents in explained} == words


@pytest.mark.parametrize("room", ["core", "measure"])
def test_tests_stand_where_their_modules_stand(room: str) -> None:
    """Who changes a module finds its tests by its path: the folder of the same name has them."""
    homes = {path.stem: name for name, path in _folders("bench", room).items() for path in path.glob("*.py")}
    for folder, path in _folders("tests", room).items():
        assert folder in homes.values()
        for test in path.glob("test_*.py"):
            assert homes.get(test.stem.removeprefix("test_"), folder) == folder
