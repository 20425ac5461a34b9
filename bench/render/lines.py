"""Text that others wrote, on one line: it must neither break one, nor move a cursor or change colours."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def one_line(text: str) -> str:
    """The text with a space for each run of control characters and line breaks."""
    return _CONTROL.sub(" ", text)
