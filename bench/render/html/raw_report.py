"""A complete report as JSON within a page: as text or, if it is long, as a compressed file."""

import base64
import json
import zlib
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

MOST_TEXT = 64_000
"""Characters of all reports of a page that are text; longer ones are compressed to about a tenth."""
DIGITS = 5
"""Digits of the fractions of a compressed report: random digits do not become shorter."""
_LINE = 160
"""A part of a report that fits this number of characters is one line."""
_DEPTH = 4
"""Deeper parts are never broken into lines."""
_GZIP = 31
"""Window and format of zlib's output: gzip, which has no time stamp here."""
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""Characters that could end a text area; quotes could not."""


@dataclass(frozen=True, slots=True)
class RawReport:
    """A complete report as JSON."""

    text: Markup
    """Content of a text area; empty if it is compressed."""
    packed: Markup
    """Address of the compressed file; empty if the report is text."""


def embed_report(report: object, most_text: int = MOST_TEXT) -> RawReport:
    """Return a report for a page.

    Args:
        report: The report, as values of JSON.
        most_text: Characters of a report that is text.
    """
    text = _write(report, 0)
    if len(text) <= most_text:
        return RawReport(Markup(text.translate(_ESCAPED)), Markup(""))  # noqa: S704 - it is escaped
    text = _write(_round(report), 0)
    packer = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    packed = base64.b64encode(packer.compress(text.encode()) + packer.flush()).decode()
    address = f"data:application/gzip;base64,{packed}"
    return RawReport(Markup(""), Markup(address))  # noqa: S704 - letters, digits and signs of an address


def _round(value: Any) -> Any:
    """Return a report whose fractions have few digits; whole numbers keep all."""
    if isinstance(value, float):
        return value if value.is_integer() else float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: _round(part) for key, part in value.items()}
    return [*map(_round, value)] if isinstance(value, list) else value


def _write(value: Any, depth: int) -> str:
    """Return JSON whose long objects and lists have a line for each part."""
    line = json.dumps(value, separators=(",", ":"))
    if len(line) <= _LINE or depth == _DEPTH:
        return line
    pad = " " * (depth + 1)
    parts: list[str] = []
    if isinstance(value, dict):
        for key, part in value.items():
            parts.append(f"{pad}{json.dumps(key)}: {_write(part, depth + 1)}")
        start, end = "{}"
    elif isinstance(value, list):
        for part in value:
            parts.append(f"{pad}{_write(part, depth + 1)}")
        start, end = "[]"
    else:
        return line
    inside = ",\n".join(parts)
    return f"{start}\n{inside}\n{pad[1:]}{end}"
