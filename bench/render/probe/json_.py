"""The format `json` of probes: all results, for programs."""

from collections.abc import Iterator

from bench.render.document.format import ProbeInput


def render_probe(probe: ProbeInput) -> Iterator[str]:
    """Yield the report."""
    yield probe.report.model_dump_json(indent=2) + "\n"
