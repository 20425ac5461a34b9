"""The page of the probes of a chat service."""

from bench.core.probe.probe_result import ProbeStatus
from bench.core.probe.probe_rules import RULES, Severity
from bench.core.probe.probe_words import describe_status

from .attributes import member_docs
from .markdown import code, table

_INTRODUCTION = """\
# Probes

Which rules does `bench probe` check, and how severe is a finding?
[Probe the safeguards](../how-to/probe-the-safeguards.md) describes the tasks.
A stack makes its promises in the field `promises` of its [file](stack.md#promises).

## Results
"""
_SEVERITIES = """\
## Severities

A finding has the severity of its rule, with two exceptions.
An internal error, or a closed connection, is `medium` for each rule.
A refusal with another status than the promised one is `low`, and so is a limit below the promised one.
`--fail-on` names the least severity that exits with 1.
In SARIF, `low` is the level `note`, `medium` is `warning`, and the others are `error`.
"""
_RULES = """\
## Rules

Ids of weaknesses are those of the Common Weakness Enumeration.
The categories are those of the API Security Top 10 of OWASP.
"""


def probes_page() -> str:
    """Return the page of all rules, severities and results."""
    results = member_docs(ProbeStatus)
    severities = member_docs(Severity)
    rows = []
    for rule in RULES.values():
        rows.append(
            [
                code(rule.id),
                rule.title,
                code(rule.severity.value),
                rule.cwe or "",
                rule.owasp or "",
                rule.cure,
            ]
        )
    head = ["rule", "meaning", "severity", "weakness", "category", "cure"]
    parts = [
        _INTRODUCTION,
        table(
            ["result", "in JSON", "meaning"],
            [[describe_status(status), code(status.value), results[status.name]] for status in ProbeStatus],
        ),
        _SEVERITIES,
        table(
            ["severity", "meaning"],
            [[code(severity.value), severities[severity.name]] for severity in Severity],
        ),
        _RULES,
        table(head, rows),
    ]
    return "\n".join(parts)
