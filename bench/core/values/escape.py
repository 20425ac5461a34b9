"""Make text from outside harmless: one function for each way out of the program.

| way out | function |
| :--- | :--- |
| cell or line on a terminal | `escape_terminal` |
| stdout and stderr | `escape_output`, once more for all text |
| log of GitHub Actions | `escape_log`, after `escape_output` |
| command of the Actions runner | `escape_actions` |
| Markdown of GitHub | `escape_markdown` |
| HTML | `escape_html` |
| CSV | `escape_csv` |
| XML | `escape_xml` |

Text from outside is text that a scenario's author, a target, a pull request or a stored file supplies.
Escape it once, where it leaves the program, and never earlier.
"""

import html
import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache

_LONGEST_CELL = 200
"""Characters of a text in a table or on one line of a terminal."""
_LONGEST_TEXT = 1_000
"""Characters of a sentence in Markdown or HTML."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Unicode categories of controls, direction marks, zero-width characters and line separators."""

# Output. A line end stays, and a tab; a carriage return only before a line feed.
_STEERING = re.compile(
    r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
    r"\U000e0000-\U000e007f]"
)
"""Characters that move a cursor, start a control sequence, or change the direction of a line."""
_STYLE = re.compile(r"(\x1b\[[0-9;?]*[A-Za-z]|\r)")
"""Control sequences that bench and rich write to a terminal."""
# The runner finds `::command::` after blanks at the start of a line, and `##[command]` anywhere.
_COMMAND = re.compile(r"^([^\S\n]*):(?=:)|#(?=\[)(?<=##)", re.MULTILINE)

# Markdown
_CODE = re.compile(r"((?<!`)`[A-Za-z0-9._-]+`(?!`))")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|~!&])")
_MARKUP_IN_ELEMENT = re.compile(r"[\\`*_{}\[\]|~!]")
_BLOCK = re.compile(r"^([#+=>-]|\d+[.)](?=\s))")
_LINK = re.compile(r"(:)(?=//)|(?<=www)(\.)", re.IGNORECASE)
# GitHub searches its rendered text for references. A backslash is gone by then; a zero-width space stays.
_REFERENCE = re.compile(r"(?<=[@#])(?=\w)|(?<=GH)(?=-\d)", re.IGNORECASE)
_ZERO_WIDTH_SPACE = "\u200b"
# GitHub's documentation writes a dollar sign that starts no formula like this.
_DOLLAR = "<span>$</span>"
# Words that are written from right to left would change the order of the numbers next to them.
_RIGHT_TO_LEFT = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]+"
_RIGHT_TO_LEFT_WORDS = re.compile(rf"{_RIGHT_TO_LEFT}(?:\s+{_RIGHT_TO_LEFT})*")
_ISOLATE = "\u2068{}\u2069"
"""A text between these marks has a direction of its own."""

_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""Start of a spreadsheet formula; the last four are the full-width forms of the first four."""

_NOT_XML = re.compile(r"[\ud800-\udfff\ufffe\uffff]")
"""Characters that XML 1.0 cannot contain, apart from control characters."""


def hide_texts(text: str, secrets: Collection[str]) -> str:
    """Replace each of these texts by `…`."""
    for secret in secrets:
        text = text.replace(secret, "…")
    return text


def one_line(text: str) -> str:
    """Replace each run of control characters and line breaks by a space."""
    return _CONTROL.sub(" ", text)


def escape_terminal(text: str) -> str:
    """Return at most 200 characters on one line, without control sequences."""
    return _cut(one_line(text), _LONGEST_CELL)


def escape_output(text: str, *, has_styles: bool = False) -> str:
    r"""Return a text in which each character that steers a terminal is written as `\u001b`.

    In JSON this means the same character, so data keeps its meaning.

    Args:
        text: Any text, also of several lines.
        has_styles: Keep the control sequences that bench itself writes to a terminal.
    """
    if not has_styles:
        return _STEERING.sub(_escape_character, text)
    parts = _STYLE.split(text)
    return "".join(part if _STYLE.fullmatch(part) else escape_output(part) for part in parts)


def escape_log(text: str) -> str:
    r"""Return a text in which the Actions runner finds no command: `\u003a:error::` for `::error::`."""
    return _COMMAND.sub(_escape_command, text)


def _escape_character(match: re.Match[str]) -> str:
    """Return a character as JSON writes it in ASCII: above U+FFFF as two surrogates."""
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))


def _escape_command(match: re.Match[str]) -> str:
    return "\\u0023" if match[0] == "#" else f"{match[1]}\\u003a"


def escape_actions(text: str, *, is_property: bool = False) -> str:
    """Return a text that neither ends nor starts a command of the Actions runner.

    Source: https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts

    Args:
        text: Text from outside.
        is_property: The text stands in a property of a command, such as its title, and not in its message.
    """
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    if is_property:
        escaped = escaped.replace(":", "%3A").replace(",", "%2C")
    return escaped


def escape_markdown(text: str) -> str:
    """Return at most 1,000 characters on one line of GitHub's Markdown.

    The text contains no markup, HTML, mention, formula, link or change of direction. A `name` in backticks
    stays code.
    """
    return _BLOCK.sub(r"\\\1", _escape_inline(_cut(text, _LONGEST_TEXT)))


def escape_markdown_cell(text: str) -> str:
    """Return the same for a table's cell, which has at most 200 characters."""
    return _escape_inline(_cut(text, _LONGEST_CELL))


def escape_markdown_element(text: str) -> str:
    """Return the same for an HTML element such as `<summary>`, in which Markdown has no effect."""
    parts = _CODE.split(visible_text(text).strip())
    escaped = []
    for part in parts:
        is_code = _CODE.fullmatch(part)
        escaped.append(f"<code>{part[1:-1]}</code>" if is_code else _escape_text(part))
    return "".join(escaped)


def _escape_text(text: str) -> str:
    """Write each special character of HTML and of Markdown as a character reference."""
    unlinked = _LINK.sub(lambda match: f"{match[0]}{_ZERO_WIDTH_SPACE}", _isolate(text))
    safe = html.escape(_REFERENCE.sub(_ZERO_WIDTH_SPACE, unlinked))
    return _MARKUP_IN_ELEMENT.sub(lambda match: f"&#{ord(match[0])};", safe).replace("$", _DOLLAR)


def escape_html(text: str) -> str:
    """Return at most 1,000 visible characters that are text in an element and in a quoted attribute."""
    return html.escape(visible_text(text))


def visible_text(text: str) -> str:
    """Return at most 1,000 characters of a text in HTML or JSON.

    Characters that move a cursor, have no width or change the direction of a line become spaces.
    """
    if text.isascii() and text.isprintable():  # most texts: a short way to the same result
        return _cut(text, _LONGEST_TEXT)
    visible = "".join(" " if unicodedata.category(char) in _INVISIBLE else char for char in text)
    return _cut(visible, _LONGEST_TEXT)


def escape_csv(text: str) -> str:
    """Return one line that a spreadsheet does not evaluate: a formula gets an apostrophe in front.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    line = one_line(text)
    return f"'{line}" if _FORMULA.match(line) else line


def escape_xml(text: str) -> str:
    """Return one line of characters that XML 1.0 can contain; an XML writer still escapes `<` and `&`."""
    return _NOT_XML.sub("\ufffd", one_line(text))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


@lru_cache(maxsize=4096)  # a comment is rendered several times until it fits, always with the same texts
def _escape_inline(text: str) -> str:
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf")
    parts = _CODE.split(one_line(visible).strip())
    return "".join(part if _CODE.fullmatch(part) else _escape_markup(part) for part in parts)


def _isolate(text: str) -> str:
    """Return a text whose words from right to left do not move the text around them."""
    return _RIGHT_TO_LEFT_WORDS.sub(lambda match: _ISOLATE.format(match[0]), text)


def _escape_markup(text: str) -> str:
    escaped = _MARKUP.sub(r"\\\1", _isolate(text))
    escaped = _LINK.sub(lambda match: f"\\{match[0]}", escaped)
    return _REFERENCE.sub(_ZERO_WIDTH_SPACE, escaped).replace("$", _DOLLAR)
