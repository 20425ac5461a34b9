"""Read messages from a file, for a load that the command line describes."""

from itertools import islice
from pathlib import Path

from bench.core.config.message_rows import MOST_ROWS, prompts_of_rows, prompts_of_texts
from bench.core.config.prompts import Prompt
from bench.errors import ConfigError
from bench.store.rows import ROW_ENDINGS, read_rows, read_text


def read_messages(path: Path) -> tuple[tuple[Prompt, ...], int]:
    """Return the messages of a file, at most `MOST_ROWS`, and the number of its rows.

    CSV, JSON Lines and Parquet have a row for each message; each line of another file is a message.

    Raises:
        ConfigError: The file cannot be read, or a row has no message.
    """
    if path.suffix.lower() in ROW_ENDINGS:
        rows = read_rows(path)
        return prompts_of_rows(rows[:MOST_ROWS], str(path)), len(rows)
    lines = [line for line in map(str.strip, read_text(path).splitlines()) if line]
    if not lines:
        raise ConfigError(f"{path} has no messages", "write one message per line")
    return prompts_of_texts([*islice(lines, MOST_ROWS)]), len(lines)
