import pytest

from bench.errors import Exit
from bench.usecases.search_options import OTHER_LOADS
from tests.command import Bench


@pytest.mark.parametrize("option", OTHER_LOADS.values())
def test_a_refused_option_is_not_in_the_help(bench: Bench, option: str) -> None:
    """A search refuses the options of a load with an end of its own, with a hint; so the help has none."""
    assert f"{option} " not in bench("capacity", "--help").out
    done = bench("capacity", "http://127.0.0.1:1", option, "5")
    assert done.code == Exit.USAGE
    assert "hint: --budget" in done.err
