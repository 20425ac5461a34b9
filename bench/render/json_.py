"""A report as JSON, by the schema that `bench schema report` prints."""

from bench.core.report.report import Report


def render_json(report: Report) -> str:
    """The report with all that it was made of."""
    return report.model_dump_json(indent=1) + "\n"
