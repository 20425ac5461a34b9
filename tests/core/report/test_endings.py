import pytest

from bench.core.report.endings import Ending, describe_ending


@pytest.mark.parametrize("ending", Ending)
def test_every_end_without_a_verdict_has_a_sentence(ending: Ending) -> None:
    """The sentence starts with the word and has one full stop; a known reason replaces the general one."""
    sentence = describe_ending(ending)
    word, _, reason = sentence.partition(": ")
    assert word
    assert reason.endswith(".")
    assert describe_ending(ending, "the label bench:skip is set") == f"{word}: the label bench:skip is set."
