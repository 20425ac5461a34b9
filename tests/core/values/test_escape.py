"""Text from outside is harmless on each way out. Markdown's rules are in tests/render/test_formats.py."""

import unicodedata
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.values.escape import (
    escape_actions,
    escape_csv,
    escape_html,
    escape_log,
    escape_markdown,
    escape_markdown_cell,
    escape_output,
    escape_terminal,
    escape_xml,
    one_line,
    visible_text,
)


@given(st.text())
def test_every_way_out_has_one_line(text: str) -> None:
    """No text moves the cursor or starts a line of its own."""
    for escape in (
        escape_terminal,
        escape_markdown,
        escape_markdown_cell,
        escape_csv,
        escape_xml,
        escape_html,
    ):
        assert not set("\r\n\x1b\x00\u2028\u2029\x85") & set(escape(text))
    assert not set("\r\n") & set(escape_actions(text))


@given(st.text(st.characters() | st.sampled_from("\x1b\r\n\t\u202e\x9b")))
def test_output_has_no_steering_character(text: str) -> None:
    """Lines and tabs stay, and a second pass changes nothing."""
    escaped = escape_output(text)
    steering = [letter for letter in escaped if unicodedata.category(letter) == "Cc"]
    assert set(steering) <= set("\n\t\r")
    assert "\r" not in escaped.replace("\r\n", "")
    assert not set("\u202e\u2066\u200f") & set(escaped)
    assert escape_output(escaped) == escaped


@given(st.text(st.sampled_from(":# [\u3000\nx")))
def test_a_log_has_no_command(text: str) -> None:
    """The runner removes blanks of any kind before it compares; no other character changes."""
    escaped = escape_log(escape_output(text))
    assert not [line for line in escaped.split("\n") if line.strip().startswith("::") or "##[" in line]
    assert escaped.replace("\\u003a", ":").replace("\\u0023", "#") == text


def test_a_terminal_gets_a_short_line() -> None:
    """Control characters become one space, and a long text is cut to 200 characters."""
    assert escape_terminal("red \x1b[31m\r\nnext") == "red  [31m next"
    assert escape_terminal("x" * 300) == "x" * 200 + "…"
    assert one_line("a\u2028\x07b") == "a b"


@pytest.mark.parametrize(
    ("text", "is_property", "escaped"),
    [
        ("50 %\r\n::error::x", False, "50 %25%0D%0A::error::x"),
        ("a:b,c%", True, "a%3Ab%2Cc%25"),
    ],
)
def test_a_log_of_actions_gets_no_command(text: str, *, is_property: bool, escaped: str) -> None:
    """A text neither ends its command nor starts another one; a property escapes its separators too."""
    assert escape_actions(text, is_property=is_property) == escaped


def test_html_gets_text() -> None:
    """No text starts an element, ends an attribute, hides characters or changes the direction of a line."""
    assert escape_html("<b a=\"x\" c='y'>&") == "&lt;b a=&quot;x&quot; c=&#x27;y&#x27;&gt;&amp;"
    assert visible_text("a\u202eb\u200bc\x1b") == "a b c "
    assert visible_text("x" * 1_100) == "x" * 1_000 + "…"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", " =", "\t=", "\uff1d", "\uff20"])
def test_a_spreadsheet_gets_no_formula(start: str) -> None:
    """A text that a spreadsheet would evaluate starts with an apostrophe."""
    assert escape_csv(f"{start}1").startswith("'")
    assert escape_csv("1=1") == "1=1"


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_xml_gets_only_its_characters(text: str) -> None:
    """Any text, with surrogates too, is written and read back as XML."""
    element = ET.Element("case", name=escape_xml(text))
    assert ET.fromstring(ET.tostring(element)).get("name") == escape_xml(text)  # noqa: S314 - it is ours
