"""The complete report within a page, as text or as a compressed file."""

import base64
import gzip
import json

import pytest

from bench.render.html.raw_report import DIGITS, MOST_TEXT, RawReport, embed_report
from tests.render.drawn import HOSTILE
from tests.render.parsed_page import parse_page

REPORT = {
    "headline": HOSTILE,
    "count": 1_234_567_890,
    "whole": 1_234_567_890.0,
    "share": 0.123456789,
    "rows": [{"name": f"message {number}", "time_ms": number / 7, "none": None} for number in range(50)],
    "empty": [],
}


def unpack(raw: RawReport) -> object:
    """Return the report that a compressed file has."""
    start, _, packed = raw.packed.partition(",")
    assert start == "data:application/gzip;base64"
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def test_a_short_report_is_text() -> None:
    """The text area has all digits, and no text from outside ends it."""
    raw = embed_report(REPORT)
    assert raw.packed == ""
    area = parse_page(f"<!doctype html><html><textarea>{raw.text}</textarea></html>").find("textarea")
    assert json.loads(area.text) == REPORT
    assert "<" not in raw.text
    assert max(map(len, raw.text.splitlines())) < 10 * len(HOSTILE)


def test_a_long_report_is_a_compressed_file() -> None:
    """It has all values: texts and whole numbers as they are, fractions with few digits."""
    raw = embed_report(REPORT, most_text=100)
    assert raw.text == ""
    report = unpack(raw)
    assert isinstance(report, dict)
    assert report.keys() == REPORT.keys()
    for key in ("headline", "count", "whole", "empty"):
        assert report[key] == REPORT[key]
    assert report["share"] == pytest.approx(0.123456789, rel=10.0 ** (1 - DIGITS))
    assert [row["name"] for row in report["rows"]] == [f"message {number}" for number in range(50)]
    assert raw == embed_report(REPORT, most_text=100)


def test_a_compressed_file_is_a_fraction_of_the_text() -> None:
    """Ten times the rows are not ten times the page."""
    rows = [
        {"name": f"message {number}", "time_ms": number * 1.1, "verdict": "worse"} for number in range(9_000)
    ]
    raw = embed_report({"rows": rows})
    assert len(json.dumps(rows)) > MOST_TEXT
    assert len(raw.packed) < len(json.dumps(rows)) / 5
