import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped

from bench.core.report.not_measured import NotMeasured
from bench.core.report.report import Report, make_report
from bench.core.report.suite import SuiteReport, judge_suite
from bench.core.samples.metric import Part
from bench.core.verdict.compare import Comparison, Decision
from bench.core.verdict.verdict import Verdict
from bench.render.junit import run_junit, suite_junit
from tests.factories import make_provenance
from tests.render.reports import HOSTILE, reports, suites

REPORTS, SUITES = reports(), suites()
SHOWN = ("pass", "regression", "missing", "too-noisy", "no-baseline", "interrupted", "crossed", "drifted")
# What Jenkins' junit-10.xsd says of the elements that are used here: which attributes must be there, which
# may be, and which children.
SCHEMA = {
    "testsuites": (set[str](), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set[str](), set[str](), {"property"}),
    "property": ({"name", "value"}, set[str](), set[str]()),
    "testcase": (
        {"name"},
        {"time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set[str](), {"type", "message"}, set[str]()),
    "error": (set[str](), {"type", "message"}, set[str]()),
    "skipped": (set[str](), {"type", "message"}, set[str]()),
    "system-out": (set[str](), set[str](), set[str]()),
}
SECONDS = r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?"


def _parsed(text: str) -> ET.Element:
    """Return the document, which must follow the schema."""
    root = ET.fromstring(text.encode())  # noqa: S314 - it is ours
    assert root.tag == "testsuites"
    for element in root.iter():
        must, may, children = SCHEMA[element.tag]
        assert must <= set(element.keys()) <= must | may, element.tag
        assert {child.tag for child in element} <= children, element.tag
        if element.tag in {"testsuites", "testsuite"}:
            assert re.fullmatch(SECONDS, element.attrib["time"])
            for tag in ("failure", "error", "skipped"):
                said = element.get(f"{tag}s", element.get(tag))
                assert said is None or int(said) == len(list(element.iter(tag)))
            assert int(element.attrib["tests"]) == len(list(element.iter("testcase")))
    return root


def _ended(root: ET.Element, tag: str) -> set[str]:
    """Return the cases with this element, as `group name`."""
    return {
        f"{case.attrib['classname'].partition('.')[2]} {case.attrib['name']}".strip()
        for case in root.iter("testcase")
        if case.find(tag) is not None
    }


@pytest.mark.parametrize("name", SHOWN)
def test_junit_shows_a_report(name: str, golden: Callable[[str, str], None]) -> None:
    """The XML of each kind of report equals the approved file."""
    golden(f"{name}.xml", run_junit(REPORTS[name]))


def test_junit_shows_a_suite(golden: Callable[[str, str], None]) -> None:
    """The XML of a suite equals the approved file."""
    golden("suite-failed.xml", suite_junit(SUITES["suite-failed"]))


@pytest.mark.parametrize("name", REPORTS)
def test_a_failure_or_an_error_means_a_failed_or_invalid_run(name: str) -> None:
    """Every report follows the schema, fails if its run failed and has an error if its run is invalid."""
    report = REPORTS[name]
    root = _parsed(run_junit(report))
    assert bool(_ended(root, "failure")) == (report.decision is Decision.FAIL)
    assert bool(_ended(root, "error")) == (report.decision is Decision.INVALID)
    assert report.decision is not Decision.INCONCLUSIVE or _ended(root, "skipped")
    assert float(root.attrib["time"]) == report.result.summary.elapsed_s


@pytest.mark.parametrize("name", REPORTS)
def test_each_gating_metric_and_threshold_is_a_case(name: str) -> None:
    """Each metric that can fail a run and each threshold has a case; other metrics have none."""
    report = REPORTS[name]
    said = [case.attrib["name"] for case in _parsed(run_junit(report)).iter("testcase")]
    comparison = report.comparison
    gating = [each.key for each in comparison.metrics if each.part is not Part.EXPLAINS]
    limits = [f"{each.metric} {each.expression}" for each in report.result.thresholds]
    uncompared = report.decision is not Decision.INVALID and not comparison.metrics
    others = ["comparison"] if uncompared else []
    assert said == [
        "measurement",
        *gating,
        *(each.key for each in comparison.against_pinned),
        *(f"{each.kind} {each.name} {each.key}" for each in comparison.messages),
        *(f"message {name}" for name in comparison.vanished_messages),
        *limits,
        *others,
    ]


def test_the_verdict_determines_the_result_of_a_case() -> None:
    """Regressed, missing and crossed fail. Inconclusive is skipped, with the detectable change."""
    assert _ended(_parsed(run_junit(REPORTS["regression"])), "failure") == {
        "baseline e2e_ms",
        "baseline tier.decode_ms",
    }
    assert _ended(_parsed(run_junit(REPORTS["missing"])), "failure") == {"baseline tier.decode_ms"}
    assert _ended(_parsed(run_junit(REPORTS["crossed"])), "failure") == {"thresholds e2e_ms p(95)<100"}
    assert "pinned e2e_ms" in _ended(_parsed(run_junit(REPORTS["drifted"])), "failure")
    noisy = _parsed(run_junit(REPORTS["too-noisy"])).find(".//testcase[@name='e2e_ms']/skipped")
    assert noisy is not None
    assert "a pass excludes 25 %" in noisy.attrib["message"]
    assert re.search(r"detectable: \d", noisy.text or "")


def test_a_slower_class_of_messages_is_a_failure() -> None:
    """Its message is the sentence about it; a message that is not worse passes."""
    root = _parsed(run_junit(REPORTS["long-messages"]))
    failures = {
        case.attrib["name"]: case[0].attrib["message"]
        for case in root.iter("testcase")
        if case.findall("failure")
    }
    assert failures["class long e2e_ms"] == "Long messages are 48 % slower (1.9 → 2.8 s)"
    assert not any("question" in name or "summary" in name for name in failures)


def test_a_vanished_message_is_a_failure() -> None:
    """The run failed because of it."""
    passed = REPORTS["tolerated"]
    changes = {"decision": Decision.FAIL, "vanished_messages": ("greeting",)}
    comparison = passed.comparison.model_copy(update=changes)
    root = _parsed(run_junit(make_report(passed.result, comparison)))
    assert _ended(root, "failure") == {"messages message greeting"}


def _regressed(comparison: Comparison) -> Report:
    return make_report(REPORTS["regression"].result, comparison)


def test_a_regression_in_an_inconclusive_run_is_skipped() -> None:
    """The case gives the reason why the run did not fail."""
    regressed = REPORTS["regression"].comparison
    advised = regressed.model_copy(update={"decision": Decision.INCONCLUSIVE, "reasons": ("only advice",)})
    root = _parsed(run_junit(_regressed(advised)))
    assert not _ended(root, "failure")
    skipped = root.find(".//testcase[@name='e2e_ms']/skipped")
    assert skipped is not None
    assert skipped.attrib["message"].endswith("; only advice")


def test_a_new_metric_is_skipped() -> None:
    """A metric that the baseline lacks neither passes nor fails."""
    known = REPORTS["pass"].comparison
    new = known.metrics[1].model_copy(update={"verdict": Verdict.NEW, "base": None})
    report = make_report(REPORTS["pass"].result, known.model_copy(update={"metrics": (new,)}))
    assert _ended(_parsed(run_junit(report)), "skipped") == {f"baseline {new.key}"}


@pytest.mark.parametrize("name", SUITES)
def test_each_scenario_is_a_test_suite(name: str) -> None:
    """The document fails if the verdict on the suite is a failure."""
    suite = SUITES[name]
    root = _parsed(suite_junit(suite))
    names = [each.result.scenario.name for each in suite.reports]
    assert [each.attrib["name"] for each in root.iter("testsuite")] == names
    assert bool(_ended(root, "failure")) == (suite.decision is Decision.FAIL)


def _named(kind: str, name: str) -> Report:
    run = REPORTS[kind].result
    renamed = run.scenario.model_copy(update={"name": name})
    return make_report(run.model_copy(update={"scenario": renamed}), REPORTS[kind].comparison)


def test_an_excused_regression_is_skipped() -> None:
    """A regression that the suite excuses is skipped; other failures still fail."""
    one, other = _named("regression", "one"), _named("crossed", "other")
    suite = judge_suite([one, other])
    excused = suite.model_copy(update={"excused": {"one": "one of many does as badly by chance"}})
    failed = {
        each.attrib["classname"] for each in _parsed(suite_junit(excused)).iter() if each.findall("failure")
    }
    assert failed == {"other.thresholds"}


def test_a_missing_scenario_is_an_error() -> None:
    """A missing scenario of the suite has a test suite with an error."""
    suite = judge_suite([_named("pass", "here")], expected=("here", "gone"))
    root = _parsed(suite_junit(suite))
    assert [(each.attrib["name"], each.attrib["errors"]) for each in root.iter("testsuite")] == [
        ("here", "0"),
        ("gone", "1"),
    ]


@pytest.mark.parametrize("name", REPORTS)
def test_another_reader_finds_the_same_cases(name: str) -> None:
    """A JUnit reader from another project finds the same cases, failures, errors and skipped cases."""
    text = run_junit(REPORTS[name])
    root = _parsed(text)
    (suite,) = JUnitXml.fromstring(text.encode())
    for tag, kind in (("failure", Failure), ("error", Error), ("skipped", Skipped)):
        found = {case.name for case in suite if any(isinstance(each, kind) for each in case.result)}
        assert found == {case.attrib["name"] for case in root.iter("testcase") if case.findall(tag)}
    assert suite.timestamp == "2026-01-05T12:00:00"


def test_the_properties_describe_the_run() -> None:
    """Run, commit, machine and injections are properties of the test suite."""
    root = _parsed(run_junit(REPORTS["hostile"]))
    said = {each.attrib["name"]: each.attrib["value"] for each in root.iter("property")}
    assert said["run_id"] == REPORTS["hostile"].result.provenance.run_id
    assert (said["cpu_count"], said["simulated"], said["injected.model.slowdown"]) == ("2", "true", "1.3")
    assert "commit" not in said


@given(st.text(max_size=40) | st.sampled_from([HOSTILE, "]]>", "\ud800", "\x00\x0b\x1b[2J", "\ufffe\r\n&"]))
def test_hostile_text_stays_text(text: str) -> None:
    """For any name, the document follows the schema and the name stays on one line."""
    run = REPORTS["regression"].result
    scenario = run.scenario.model_copy(update={"name": text})
    made = make_provenance(commit=None).model_copy(update={"commit": text})
    made = made.model_copy(update={"injections": {f"model.{text}": 1.3}})
    where = run.fingerprint.model_copy(update={"parts": {f"image of {text}": text}})
    hostile = run.model_copy(update={"scenario": scenario, "provenance": made, "fingerprint": where})
    limit = hostile.thresholds[0].model_copy(update={"threshold": text, "crossed": True})
    report = make_report(
        hostile.model_copy(update={"thresholds": (limit,)}), REPORTS["regression"].comparison
    )
    root = _parsed(run_junit(report))
    (suite,) = root
    name = suite.attrib["name"]
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", name)
    plain = "".join(each for each in text if each.isprintable() and each not in "\ud800\ufffe")
    assert set(plain) - set("\ufffd ") <= set(name)


def test_a_suite_without_runs_has_only_errors() -> None:
    """If no scenario was measured, each has an error and no other case."""
    nothing = SuiteReport(
        decision=Decision.INVALID,
        headline="1 of 1 missing",
        reasons=(),
        reports=(),
        not_measured=(NotMeasured(scenario="gone"),),
    )
    root = _parsed(suite_junit(nothing))
    assert (root.attrib["tests"], root.attrib["errors"]) == ("1", "1")
