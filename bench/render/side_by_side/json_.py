"""The format `json` of several runs side by side, by the schema `side-by-side`."""

from collections.abc import Iterator

from bench.render.document.format import SideBySideInput


def render_side_by_side(side: SideBySideInput) -> Iterator[str]:
    """Yield the runs and their differences."""
    yield side.report.model_dump_json(indent=1) + "\n"
