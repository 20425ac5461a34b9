"""The description of a scenario before it runs."""

from bench.core.load.description import describe_content
from tests.factories import make_scenario, make_spec


def test_messages_are_described_as_a_deck_or_as_repeats() -> None:
    """A reader sees whether messages repeat by Zipf's law."""
    assert describe_content(make_spec()) == "4 messages, 4 in a deck"
    repeating = make_spec(make_scenario(repeat={"zipf": 1.1, "distinct": 4}))
    assert describe_content(repeating) == "4 messages, repeated by Zipf's law with s = 1.1"
