"""Options and fixtures of all tests."""

import gc
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.servers import serving_redis

# A slow machine must never fail a test.
settings.register_profile("steady", max_examples=50, deadline=None, derandomize=True, print_blob=True)
settings.load_profile("steady")

_GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-golden`, after which you read the difference before you commit it, and `--no-skips`."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files")
    parser.addoption("--no-skips", action="store_true", help="fail instead of skipping a test")


def pytest_collection_finish() -> None:
    """Let collections of garbage skip the collected tests and all modules, which makes them fast."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With `--no-skips`, a skipped test fails: where containers must be tested, an image must exist."""
    report = yield
    if report.skipped and item.config.getoption("--no-skips"):
        report.outcome = "failed"
    return report


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return a function that compares a text with a file in tests/golden."""
    update = request.config.getoption("--update-golden")

    def check(name: str, text: str) -> None:
        path = _GOLDEN / name
        if update:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"no golden file {name}; create it with pytest --update-golden"
        assert text == path.read_text(encoding="utf-8")

    return check


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a Redis server of this session: use names of your own, and never end it."""
    with serving_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server.url
