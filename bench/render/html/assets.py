"""Style, script and data of a page, and the policy that lets only these run."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from markupsafe import Markup

_LIBRARY = files("bench.render.html") / "vendor" / "uplot"
_TEMPLATES = files("bench.render.html") / "templates"
_STYLES = (
    "tokens", "base", "panels", "overview", "decisive", "tables", "breakdown", "keys", "curves", "charts",
    "marks", "details", "waterfall", "phone", "print",
)  # fmt: skip
"""Style sheets, in the order in which they override each other."""
_SCRIPTS = (
    "state", "format", "draw", "marks", "cursor", "legend", "download", "print", "copy", "unpack", "contents",
    "waterfall", "start",
)  # fmt: skip
"""Parts of the script, in their order; they share the scope of one function."""

_COMMENT = re.compile(r"//.*|/\*((?!\*/).)*\*/")
"""A line that is a comment."""


@dataclass(frozen=True, slots=True)
class Assets:
    """The style and the script of a page."""

    style: str
    """Style sheets."""
    script: str
    """The script that draws the charts."""


def load_assets(*styles: str) -> Assets:
    """Return the package's own style and script.

    Args:
        styles: Names of further style sheets, such as `side_by_side`.
    """
    library = _read(_LIBRARY / "uPlot.iife.min.js")
    own = _join("js", _SCRIPTS)
    return Assets(
        style=f"{_read(_LIBRARY / 'uPlot.min.css')}\n{_join('css', (*_STYLES, *styles))}",
        script=f'{read_script("language")}\n{library}\n(() => {{\n"use strict";\n{own}\n}})();',
    )


def read_style(name: str) -> str:
    """Return a style sheet of the package by its name, such as `site`."""
    return _read(_TEMPLATES / "css" / f"{name}.css")


def read_script(name: str) -> str:
    """Return a script of the package by its name, such as `search`."""
    return _join("js", (name,))


def _join(kind: str, names: Iterable[str]) -> str:
    return "\n".join(_shorten(_read(_TEMPLATES / kind / f"{name}.{kind}")) for name in names)


def _shorten(text: str) -> str:
    """Return a file without the indentation and without the lines that are comments.

    No text of these files goes over the end of its line.
    """
    lines = map(str.strip, text.splitlines())
    return "\n".join(line for line in lines if line and not _COMMENT.fullmatch(line))


def _read(file: Traversable) -> str:
    return file.read_text(encoding="utf-8").strip()


def embed_json(value: object) -> Markup:
    """Return JSON for an element `script`. It cannot end the element or start another one."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)  # escapes every non-ASCII character
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - see above


def content_security_policy(assets: Assets) -> str:
    """Return a policy that allows this script and this style, by their digests, and loads nothing.

    Another script does not run, even if it gets into the page.
    """
    return (
        f"default-src 'none'; script-src {_digest(assets.script)}; "
        f"style-src {_digest(assets.style)}; img-src data:"
    )


def _digest(text: str) -> str:
    sha256 = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(sha256).decode()}'"
