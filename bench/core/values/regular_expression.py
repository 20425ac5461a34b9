"""Regular expressions in the files that people write."""

import re


def check_regular_expression(value: str | None) -> str | None:
    """Return a regular expression of Python, or `None`, as it is.

    Raises:
        ValueError: The text is not a regular expression; the message has the reason.
    """
    if value is not None:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
    return value
