"""The effect of accepted runs on their baselines, in Markdown."""

from collections.abc import Iterable

from bench.core.values.escape import escape_markdown


def effect_markdown(lines: Iterable[str]) -> str:
    """Return the lines of an effect as a list; lines about a metric are below those about their baseline."""
    items: list[str] = []
    for line in lines:
        indentation = line[: len(line) - len(line.lstrip())]
        items.append(f"{indentation}- {escape_markdown(line)}")
    return "\n".join(items)
