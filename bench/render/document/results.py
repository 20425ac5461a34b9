"""The results of a run that is not judged against a baseline, as rows of text."""

from dataclasses import dataclass

from bench.core.config.load_words import scenario_in_words
from bench.core.report.fault_words import describe_faults
from bench.core.run.errors import ErrorSample
from bench.core.run.result import RunResult
from bench.core.run.stall_effect import describe_stalls
from bench.core.run.summary import RunSummary
from bench.core.run.unanswered import describe_unanswered
from bench.core.samples.metric import MetricKind, Part
from bench.core.samples.metrics import metric, tier_name
from bench.core.samples.sample import EXCLUDED_OUTCOMES, Outcome
from bench.core.values import wording
from bench.core.values.escape import one_line
from bench.core.watch.alerts import describe
from bench.render.document.document import (
    LOWER_BOUND,
    UNRELIABLE,
    duration_cells,
    list_culprits,
    present_statistics,
    statistic_label,
    step_table,
    threshold_table,
)
from bench.render.document.facts import measured_facts
from bench.render.document.table import Table, without_empty
from bench.render.document.watched import scaling_table

_STATISTICS = ("mean", "p50", "p95", "p99", "p99_9", "max")
_LONGEST_WORDS = 120
"""Characters of a failure's words: about three lines of a narrow terminal."""


@dataclass(frozen=True, slots=True)
class RunResults:
    """The results of a run, without a verdict."""

    headline: str
    """Scenario, stack and load."""
    facts: tuple[tuple[str, str], ...]
    """Labels with a line each: requests and rates first."""
    tables: tuple[Table, ...]
    """Times, outcomes and thresholds."""
    marks: str
    """Explanation of the marks in the table of times; empty if it has none."""
    problems: tuple[str, ...]
    """Why the run is invalid."""
    findings: tuple[str, ...]
    """Observations about the target, such as a time in which it stood still."""
    warnings: tuple[str, ...]
    """Problems of the measurement, and alerts."""


def make_results(result: RunResult) -> RunResults:
    """Return the results of a run."""
    summary = result.summary
    times = time_table(summary)
    unanswered = describe_unanswered(summary.unanswered, summary.requests)
    alerts = map(describe, result.alerts or ())
    scenario = result.scenario
    return RunResults(
        headline=f"{scenario.name} on {result.fingerprint.stack}: {scenario_in_words(scenario)}",
        facts=measured_facts(result),
        tables=without_empty(
            [
                times,
                step_table(summary),
                _outcomes(summary),
                scaling_table(result.scaling),
                threshold_table(result),
            ]
        ),
        marks=_explain_marks(times),
        problems=result.validity.reasons,
        findings=(*describe_faults(summary), *describe_stalls(summary.stalls, summary.stall_effect)),
        warnings=(*unanswered, *result.warnings, *alerts),
    )


def time_table(summary: RunSummary) -> Table:
    """Return the times that decide, such as response time and time to first token."""
    times = {}
    for key, row in summary.metrics.items():
        definition = metric(key)
        is_time = definition.kind is MetricKind.TREND and definition.part is Part.DECIDES
        if is_time and tier_name(key) is None:
            times[definition.label] = row
    statistics = present_statistics(times.values(), _STATISTICS)
    rows = [(label, *duration_cells(row, *statistics)) for label, row in times.items()]
    return Table("Times", ("", *map(statistic_label, statistics)), tuple(rows), ends_in_number=True)


def _explain_marks(times: Table) -> str:
    text = "".join("".join(row) for row in times.rows)
    marks = [explanation for explanation in (UNRELIABLE, LOWER_BOUND) if explanation[0] in text]
    return "; ".join(marks)


def _outcomes(summary: RunSummary) -> Table:
    examples = first_failures(summary)
    rows = []
    for outcome, count in sorted(
        summary.outcomes.items(), key=lambda item: (item[0] != Outcome.OK, -item[1])
    ):
        is_counted = outcome not in EXCLUDED_OUTCOMES and summary.requests > 0
        share = wording.percent(count / summary.requests) if is_counted else wording.DASH
        culprits = list_culprits(summary.culprits.get(outcome, {}))
        rows.append((outcome.value, f"{count:,}", share, culprits, examples.get(outcome, "")))
    return Table("Outcomes", ("outcome", "requests", "share", "culprit", "first failure"), tuple(rows))


def first_failures(summary: RunSummary) -> dict[Outcome, str]:
    """Return the status and the first words of the first failure of each outcome."""
    words: dict[Outcome, str] = {}
    for error in summary.errors:
        step = f"{error.prompt}: " if error.prompt in summary.steps else ""
        words.setdefault(error.outcome, step + _first_words(error))
    return words


def _first_words(error: ErrorSample) -> str:
    parts = [str(error.status)] if error.status else []
    if error.detail:
        parts.append(one_line(error.detail).strip())
    text = ": ".join(parts)
    return text if len(text) <= _LONGEST_WORDS else f"{text[: _LONGEST_WORDS - 1]}…"
