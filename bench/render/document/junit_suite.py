"""Suites and cases of JUnit XML.

JUnit XML has no standard. This file follows Jenkins' schema (junit-10.xsd), which GitLab, Azure and actions
for GitHub read too: failures, errors and skipped cases with a message, properties, times in seconds.
"""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.core.values.escape import escape_xml


class JunitStatus(StrEnum):
    """The status of a case, by the name of its element."""

    PASSED = "passed"
    """Has no element."""
    FAILURE = "failure"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class JunitCase:
    """A test case."""

    group: str
    """Group of the case, such as `baseline`; empty for the suite itself."""
    name: str
    """Name of the case, such as a metric."""
    status: JunitStatus = JunitStatus.PASSED
    """The result."""
    message: str = ""
    """The reason in one sentence, for a case that did not pass."""
    details: tuple[str, ...] = ()
    """Numbers, one line each."""
    time_s: float = 0.0
    """Duration."""


def write_suites(name: str, elements: Sequence[ET.Element]) -> str:
    """Return a file with these suites."""
    root = ET.Element("testsuites", name=escape_xml(name), time=_seconds(_sum("time", elements)))
    # The schema allows `skipped` in a test suite only.
    for attribute in ("tests", "failures", "errors"):
        root.set(attribute, f"{_sum(attribute, elements):.0f}")
    root.extend(elements)
    ET.indent(root, " ")
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text.decode() + "\n"


def _sum(attribute: str, elements: Iterable[ET.Element]) -> float:
    return sum(float(element.attrib[attribute]) for element in elements)


def suite_element(name: str, cases: Sequence[JunitCase]) -> ET.Element:
    """Return a suite with these cases."""
    counts: Counter[JunitStatus] = Counter()
    time_s = 0.0
    for case in cases:
        counts[case.status] += 1
        time_s += case.time_s
    element = ET.Element(
        "testsuite",
        name=escape_xml(name),
        time=_seconds(time_s),
        tests=str(len(cases)),
        failures=str(counts[JunitStatus.FAILURE]),
        errors=str(counts[JunitStatus.ERROR]),
        skipped=str(counts[JunitStatus.SKIPPED]),
    )
    for case in cases:
        element.append(_case_element(name, case))
    return element


def _case_element(scenario: str, case: JunitCase) -> ET.Element:
    classname = f"{scenario}.{case.group}" if case.group else scenario
    element = ET.Element(
        "testcase",
        name=escape_xml(case.name),
        classname=escape_xml(classname),
        time=_seconds(case.time_s),
    )
    details = "\n".join(map(escape_xml, case.details))
    if case.status is not JunitStatus.PASSED:
        status = ET.SubElement(element, case.status, message=escape_xml(case.message))
        status.text = details
    elif details:
        ET.SubElement(element, "system-out").text = details
    return element


def _seconds(time_s: float) -> str:
    return f"{time_s:.3f}"
