"""The output of a command on a terminal, as an SVG picture."""

import io
import os
import pty
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

COLUMNS = 80
_ERASED = "\x1b[2K"
_CONTROLS = re.compile(r"\x1b\[\?\d+[hl]|\x1b\[\d*[A-KST]|\r")
# A picture asks nobody for a font.
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def last_screen(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Run a command on its own terminal and return the last screen.

    What is drawn again and again is erased line by line first, so the last drawing follows the last erasure.
    """
    ours, theirs = pty.openpty()
    variables = {**environment, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": "60"}
    with subprocess.Popen(command, cwd=folder, env=variables, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        written = bytearray()
        try:
            while part := os.read(ours, 65_536):
                written += part
        except OSError:  # how Linux says that nobody writes any more
            pass
        finally:
            os.close(ours)
        process.wait()
    return _CONTROLS.sub("", written.decode().rpartition(_ERASED)[2])


def picture(text: str, title: str) -> str:
    """Return a terminal's text as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(text.strip("\n")), soft_wrap=True)
    return _FONTS.sub("", console.export_svg(title=title, theme=SVG_EXPORT_THEME, unique_id="bench"))
