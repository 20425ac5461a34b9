"""Files of turns, before they are run."""

import pytest

from bench.core.config.turn import check_reads, check_turn


@pytest.mark.parametrize(
    "source",
    [
        "async def turn(user):\n    pass\n",
        "import json\nasync def turn(user: object, /) -> None: ...\n",
        "async def turn(*arguments): ...\n",
        "from shared import turn\n",
        "from shared import shop as turn\n",
        "turn = make()\n",
    ],
)
def test_a_file_may_bind_its_turn_in_any_way(source: str) -> None:
    """It is a coroutine with one parameter, or a name that the file gets from elsewhere."""
    assert check_turn(source) is None


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("import json\nasync def turn(user:\n", 2, "is not Python"),
        ("x = '\0'", 1, "is not Python"),
        ("\ndef turn(user): ...\n", 2, "turn must be a coroutine"),
        ("async def turn(): ...\n", 1, "turn must have one parameter"),
        ("async def turn(user, other): ...\n", 1, "turn must have one parameter"),
        ("async def turns(user): ...\n", 1, "has no function turn"),
        ("", 1, "has no function turn"),
    ],
)
def test_a_file_without_a_turn_is_explained(source: str, line: int, words: str) -> None:
    """The problem has its line, without running the file."""
    problem = check_turn(source)
    assert problem is not None
    assert problem.line == line
    assert words in problem.message


@pytest.mark.parametrize(
    "read",
    [
        'os.environ["SHOP_KEY"]',
        'environ["SHOP_KEY"]',
        'os.environ.get("SHOP_KEY", "")',
        'os.getenv("SHOP_KEY")',
        'getenv("SHOP_KEY", "none")',
    ],
)
def test_a_turn_declares_the_variables_that_it_reads(read: str) -> None:
    """The problem has the line of the first undeclared one and the declaration to add."""
    source = f"import os\nHOME = os.environ['HOME']\nasync def turn(user):\n    key = {read}\n"
    problem = check_reads(source, {"HOME"}.__contains__)
    assert problem is not None
    assert problem.line == 4
    assert "variables: [SHOP_KEY]" in problem.message
    assert check_reads(source, {"HOME", "SHOP_KEY"}.__contains__) is None


def test_other_expressions_read_no_variable() -> None:
    """A turn may also change its own environment."""
    source = 'os.environ["A"] = "b"\nuser.row["KEY"]\nuser.saved.get("KEY")\nos.environ[name]\nget("KEY")\n'
    assert check_reads(source, lambda _: False) is None
