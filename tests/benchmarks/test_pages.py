from benchmarks.pages.__main__ import METHOD, PAGE, table
from benchmarks.pages.measure import MeasuredPage


def test_a_page_is_a_row() -> None:
    """The table has the size, the time and the height of each page."""
    rows = table([MeasuredPage("run of 100 requests", 183_400, 0.304, 0.21, 5_899)]).splitlines()
    assert rows[2:] == ["| run of 100 requests | 183 kB | 0.30 s | 0.21 s | 5,899 px |"]


def test_the_document_has_the_present_method() -> None:
    """The text of the document is that of `method.md`, and a table follows."""
    text = PAGE.read_text(encoding="utf-8")
    method = METHOD.read_text(encoding="utf-8")
    assert text.startswith(f"{method}\n| page | size |"), "run `make bench-pages`"
