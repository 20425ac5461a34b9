import pytest

from bench.errors import Exit
from tests.command import Bench


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run", "http://127.0.0.1:1/chat"), Exit.TARGET, "is the service up"),
        (("run", "127.0.0.1:8000"), Exit.USAGE, "http://127.0.0.1:8000"),
        (("run", "quick", "--message", "Hello"), Exit.USAGE, "--message: needs an address"),
        (
            ("run", "http://127.0.0.1:1", "--stack", "embedded"),
            Exit.USAGE,
            "--stack: does not fit an address",
        ),
        (("check", "http://127.0.0.1:1"), Exit.USAGE, "--threshold"),
    ],
)
def test_an_error_tells_what_to_do(arguments: tuple[str, ...], bench: Bench, code: Exit, words: str) -> None:
    """It ends the command before any load."""
    done = bench(*arguments)
    assert done.code == code
    assert words in done.err
