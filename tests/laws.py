"""The number of examples of laws whose fault would make a wrong verdict. Other laws have the default."""

from hypothesis import settings

# A wrong verdict on a rare combination of numbers fails a good change, or passes a bad one.
VERDICT_LAW = settings(max_examples=200)
# A wrong reading of a rare answer changes the outcomes and times that a verdict is made from.
READING_LAW = settings(max_examples=100)
