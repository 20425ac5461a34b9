import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.response.remarks import MOST_REMARKS, Remarks, came_in_one_read
from tests.laws import READING_LAW

ONE_READ = [1.0] * 8
BUFFERED = "in one read after buffering: this proxy or server buffers, so first token = response time"


def test_a_remark_is_one_sentence_with_its_count() -> None:
    """The most frequent remark comes first."""
    remarks = Remarks()
    remarks.add("had a field `x`")
    remarks.add("had a field `y`", 24)
    assert remarks.sentences() == ["24 answers had a field `y`", "1 answer had a field `x`"]


def test_the_number_of_different_remarks_is_limited() -> None:
    """A target that causes a new remark per answer adds one more sentence only, and no answer is lost."""
    remarks = Remarks()
    for number in range(10 * MOST_REMARKS):
        remarks.add(f"had a field `{number}`")
    assert len(remarks.sentences()) == MOST_REMARKS
    assert (
        remarks.sentences()[0]
        == f"{9 * MOST_REMARKS + 1} answers had other properties, which are not listed here"
    )


@pytest.mark.parametrize(
    ("buffered", "streamed", "sentence"),
    [
        (12, 12, f"12 of 12 streamed answers came {BUFFERED}"),
        (7, 12, f"7 of 12 streamed answers came {BUFFERED}"),
        (6, 12, None),
        (1, 1, f"1 of 1 streamed answer came {BUFFERED}"),
        (0, 0, None),
    ],
)
def test_buffering_is_reported_if_most_streams_have_it(
    buffered: int, streamed: int, sentence: str | None
) -> None:
    """One slow read is chance; more than half of the answers are a property of the way to the target."""
    remarks = Remarks()
    for number in range(streamed):
        remarks.add_stream(ONE_READ if number < buffered else [1.0, 2.0, 3.0, 4.0])
    assert remarks.sentences() == ([sentence] if sentence else [])


@pytest.mark.parametrize(
    ("times_s", "expected"),
    [
        ([1.0] * 4, True),
        ([1.0] * 3, False),
        ([1.0] + [2.0] * 9, True),
        ([1.0] * 9 + [2.0], True),
        ([1.0] * 2 + [2.0] * 8, False),
        ([1.0, 2.0, 3.0, 4.0], False),
        ([], False),
    ],
)
def test_a_stream_came_in_one_read_if_nearly_all_pieces_did(times_s: list[float], expected: bool) -> None:
    """At least nine of ten pieces, and at least four pieces."""
    assert came_in_one_read(times_s) is expected


@READING_LAW
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30), st.integers(0, 30))
def test_batches_add_up(answers: list[tuple[str, bool]], cut: int) -> None:
    """Counts that are taken in two parts and merged are the counts of all answers."""
    whole = Remarks()
    part = Remarks()
    merged = Remarks()
    for number, (remark, is_buffered) in enumerate(answers):
        if number == cut:
            merged.merge(part.take())
        for counted in (whole, part):
            counted.add(remark)
            counted.add_stream(ONE_READ if is_buffered else [1.0])
    merged.merge(part.take())
    assert part.sentences() == []
    assert sorted(merged.sentences()) == sorted(whole.sentences())
