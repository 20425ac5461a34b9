from enum import Enum

import pytest

from benchmarks.reference.__main__ import ASSET_FILES, ASSETS, FOLDER, PAGES, asset, page
from benchmarks.reference.attributes import member_docs


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_that_of_the_code(name: str) -> None:
    """`make reference` changes no page: commands, fields, metrics, exit codes and outcomes are the code's."""
    assert (FOLDER / name).read_text(encoding="utf-8") == page(name), "run `make reference`"


@pytest.mark.parametrize("name", ASSET_FILES)
def test_the_documentation_has_the_tokens_and_the_mark_of_the_pages(name: str) -> None:
    """`make reference` changes no file of the theme."""
    assert (ASSETS / name).read_text(encoding="utf-8") == asset(name), "run `make reference`"


class Documented(Enum):
    """Two members."""

    ONE = 1
    """The first."""
    TWO = 2


def test_a_member_without_documentation_is_refused() -> None:
    """Each member of a table of the reference has its text."""
    with pytest.raises(ValueError, match="Documented has members without documentation: TWO"):
        member_docs(Documented)
