"""Parses JSON texts that servers send."""

import json
from typing import Any

import orjson

_FOLLOWED = "Extra data"  # json's words for text after a complete document
_LONGEST_REST = 80


def parse_json(content: bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: It is not JSON. The message is the reason.
    """
    try:
        # json accepts everything that orjson accepts, except for some deep nesting. orjson reads integers
        # of more than 64 bits as floats; they are too large for any count or duration.
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            return json.loads(content)  # accepts more, such as half a character; explains errors
        except json.JSONDecodeError as error:
            rest = error.doc[error.pos :] if error.msg == _FOLLOWED else ""
            raise ValueError(f"{error}: {rest[:_LONGEST_REST]!r}" if rest else str(error)) from error
        except RecursionError as error:
            raise ValueError(str(error)) from error
