"""The format `sarif` of probes: SARIF 2.1.0, which GitHub shows as alerts of code scanning.

Sources: https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html and
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

import hashlib
import json
from collections.abc import Iterator
from importlib import metadata
from typing import Any
from urllib.parse import quote

from bench.core.probe.probe_result import ProbeReport, ProbeResult
from bench.core.probe.probe_rules import RULES, ProbeRule, Severity
from bench.core.values.escape import visible_text
from bench.render.document.format import ProbeInput

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
# GitHub reads the severity of an alert from this number, in the ranges of CVSS.
_SCORES = {Severity.LOW: "3.0", Severity.MEDIUM: "5.5", Severity.HIGH: "8.0", Severity.CRITICAL: "9.5"}


def render_probe(probe: ProbeInput) -> Iterator[str]:
    """Yield the report."""
    yield json.dumps(make_sarif(probe.report), indent=2) + "\n"


def make_sarif(report: ProbeReport) -> dict[str, Any]:
    """Return the findings as a SARIF log."""
    places = list(RULES)
    results = [_make_result(finding, places.index(finding.rule), report) for finding in report.findings]
    run = {
        "tool": {
            "driver": {
                "name": "bench probe",
                "version": metadata.version("chatbench"),
                "rules": [_make_rule(rule) for rule in RULES.values()],
            }
        },
        "automationDetails": {"id": f"bench-probe/{quote(report.stack)}/"},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _make_rule(rule: ProbeRule) -> dict[str, Any]:
    tags = ["security"]
    references = []
    if rule.cwe is not None:
        tags.append(f"external/cwe/{rule.cwe.lower()}")
        references.append(rule.cwe)
    if rule.owasp is not None:
        references.append(f"OWASP {rule.owasp}")
    text = f"{rule.title}. To cure it, {rule.cure}."
    if references:
        text += f" See {' and '.join(references)}."
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.id.split("-")),
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": text},
        "help": {"text": text},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": tags, "security-severity": _SCORES[rule.severity], "precision": "high"},
    }


def _make_result(finding: ProbeResult, place: int, report: ProbeReport) -> dict[str, Any]:
    text = (
        f"The service breaks the rule: {finding.title}. Expected: {finding.expected}. "
        f"Actual: {finding.actual}. Request: {finding.request}. Severity: {finding.severity.value}."
    )
    location = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(report.stack_file)},
            "region": {"startLine": 1},
        }
    }
    fingerprint = hashlib.sha256(f"{report.stack} {report.target} {finding.rule}".encode()).hexdigest()
    return {
        "ruleId": finding.rule,
        "ruleIndex": place,
        "level": _LEVELS[finding.severity],
        "message": {"text": visible_text(text)},
        "locations": [location],
        "partialFingerprints": {"probedRule/v1": fingerprint},
    }
