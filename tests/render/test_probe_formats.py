"""The formats of probes are read by other programs, and text from a service stays text."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from junitparser import JUnitXml, TestSuite

from bench.core.probe.probe_result import Judgement, ProbeReport, ProbeResult, ProbeStatus
from bench.core.probe.probe_rules import RULES, Severity
from bench.core.probe.probe_words import headline
from bench.render.document.format import ProbeInput, Terminal
from bench.render.formats import PROBE_FORMATS

HOSTILE = '500 <script>alert(1)</script> | `x` \x1b[31m ](javascript:1) @all & "quoted" ]]>'
NOT_EMPTY = {"type": "string", "minLength": 1}


def closed(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


TEXT = closed(text=NOT_EMPTY)
LEVEL = {"enum": ["note", "warning", "error"]}
LOCATION = closed(
    physicalLocation=closed(
        artifactLocation=closed(uri={"type": "string", "pattern": "^[^/][^:\\\\]*$"}),
        region=closed(startLine={"type": "integer", "minimum": 1}),
    )
)
RULE = closed(
    id=NOT_EMPTY,
    name=NOT_EMPTY,
    shortDescription=TEXT,
    fullDescription=TEXT,
    help=TEXT,
    defaultConfiguration=closed(level=LEVEL),
    properties=closed(
        tags={"type": "array", "contains": {"const": "security"}},
        **{"security-severity": {"type": "string", "pattern": "^[0-9]\\.[0-9]$"}},
        precision={"const": "high"},
    ),
)
RESULT = closed(
    ruleId=NOT_EMPTY,
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    message=TEXT,
    locations={"type": "array", "minItems": 1, "items": LOCATION},
    partialFingerprints=closed(**{"probedRule/v1": NOT_EMPTY}),
)
# The part of SARIF 2.1.0 that bench writes, with the fields that GitHub requires.
SARIF = closed(
    **{"$schema": {"type": "string", "format": "uri"}},
    version={"const": "2.1.0"},
    runs={
        "type": "array",
        "items": closed(
            tool=closed(
                driver=closed(name=NOT_EMPTY, version=NOT_EMPTY, rules={"type": "array", "items": RULE})
            ),
            automationDetails=closed(id={"type": "string", "pattern": "^[^ ]+/$"}),
            columnKind={"const": "unicodeCodePoints"},
            results={"type": "array", "items": RESULT},
        ),
    },
)


def make_report() -> ProbeReport:
    """Return a report with each status and each severity."""
    statuses = list(ProbeStatus)
    results = []
    for number, rule in enumerate(RULES.values()):
        status = statuses[number % len(statuses)]
        actual = HOSTILE if status is ProbeStatus.FINDING else "401"
        severity = Severity.CRITICAL if number == 0 else None
        judgement = Judgement(status, "401", actual, severity)
        results.append(ProbeResult.of(rule, judgement, "POST /chat, no token"))
    return ProbeReport(
        stack="mine+POOL=5",
        stack_file="scenarios/stacks/mine.yaml",
        target="chat",
        url="http://127.0.0.1:3000",
        started_at=datetime(2026, 1, 6, 12, 0, tzinfo=UTC),
        requests=71,
        elapsed_s=3.2,
        results=tuple(results),
    )


REPORT = make_report()
FINDINGS = len(REPORT.findings)


def render(name: str, report: ProbeReport = REPORT) -> str:
    """Return a report in a format."""
    return "".join(PROBE_FORMATS[name].render(ProbeInput(report, Terminal(100))))


def test_sarif_has_each_finding_with_the_fields_that_github_requires() -> None:
    """Rule, level, message and a location in the repository; a rule is listed once."""
    log = json.loads(render("sarif"))
    Draft202012Validator(SARIF).validate(log)
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [*RULES]
    assert len(run["results"]) == FINDINGS
    for result in run["results"]:
        assert [*RULES][result["ruleIndex"]] == result["ruleId"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == REPORT.stack_file
        assert "\x1b" not in result["message"]["text"]


def test_sarif_grades_findings_as_github_does() -> None:
    """Its ranges are those of CVSS: from 0.1, 4.0, 7.0 and 9.0 on."""
    (run,) = json.loads(render("sarif"))["runs"]
    starts = {Severity.LOW: 0.1, Severity.MEDIUM: 4.0, Severity.HIGH: 7.0, Severity.CRITICAL: 9.0}
    for rule in run["tool"]["driver"]["rules"]:
        score = float(rule["properties"]["security-severity"])
        grade = max((start, severity.value) for severity, start in starts.items() if start <= score)[1]
        assert grade == RULES[rule["id"]].severity.value


def test_a_fingerprint_is_that_of_the_rule_and_the_stack() -> None:
    """So GitHub knows a finding again, whatever the answer."""
    before = json.loads(render("sarif"))["runs"][0]["results"]
    changed = REPORT.results[0].model_copy(update={"actual": "403"})
    report = REPORT.model_copy(update={"results": (changed,)})
    after = json.loads(render("sarif", report))["runs"][0]["results"]
    assert after[0]["partialFingerprints"] in [result["partialFingerprints"] for result in before]
    assert len({result["partialFingerprints"]["probedRule/v1"] for result in before}) == FINDINGS


def test_junit_has_a_case_for_each_rule() -> None:
    """A finding is a failure; rules that were not judged are skipped."""
    suites = JUnitXml.fromroot(JUnitXml.fromstring(render("junit").encode())._elem)
    (suite,) = list(suites)
    assert isinstance(suite, TestSuite)
    passed = len(REPORT.list_results(ProbeStatus.PASSED))
    assert (suite.tests, suite.failures, suite.errors) == (len(RULES), FINDINGS, 0)
    assert suite.skipped == len(RULES) - FINDINGS - passed
    assert {case.name for case in suite} == RULES.keys()


def test_json_conforms_to_its_schema() -> None:
    """`bench schema probe` describes the report, and a reader gets the same value."""
    from bench.usecases.schema import schema  # noqa: PLC0415 - it imports all files of bench

    content = json.loads(render("json"))
    Draft202012Validator(schema("probe")).validate(content)
    assert ProbeReport.model_validate(content) == REPORT


def test_text_shows_each_rule_and_the_cure_of_each_finding() -> None:
    """The most severe finding comes first, and no line is longer than the terminal."""
    text = render("text")
    assert all(rule in text for rule in RULES)
    assert all(finding.cure.split()[0] in text for finding in REPORT.findings)
    ranks = [finding.severity.rank for finding in REPORT.findings]
    assert ranks == sorted(ranks, reverse=True)
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text


def test_markdown_has_one_row_for_each_rule_and_no_markup_of_the_service() -> None:
    """An answer cannot end its cell."""
    lines = render("markdown").splitlines()
    rows = [line for line in lines if line.startswith("|")][2:]
    assert len(rows) == len(RULES)
    assert all(len(row.replace("\\|", "").split("|")) == 9 for row in rows)
    assert "<script>" not in render("markdown")


@pytest.mark.parametrize(
    ("least", "fails"), [(Severity.LOW, True), (Severity.HIGH, True), (Severity.CRITICAL, False)]
)
def test_a_report_fails_from_a_severity_on(least: Severity, fails: bool) -> None:
    """`--fail-on high` ignores findings below."""
    rule = RULES["auth-expired"]
    finding = ProbeResult.of(rule, Judgement(ProbeStatus.FINDING, "401", "200"), "POST /chat")
    assert REPORT.model_copy(update={"results": (finding,)}).fails(least) is fails


def test_the_first_sentence_counts_findings_by_severity() -> None:
    """Also without a finding."""
    assert f"{FINDINGS} findings in {len(RULES)} rules (2 critical" in headline(REPORT)
    passed = REPORT.model_copy(update={"results": REPORT.list_results(ProbeStatus.PASSED)})
    assert headline(passed).startswith("mine+POOL=5, target chat: no finding in")


def test_each_rule_has_a_probe_in_the_reference() -> None:
    """The page of probes lists each rule."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "probes.md").read_text(encoding="utf-8")
    assert [rule for rule in RULES if f"`{rule}`" not in page] == []
