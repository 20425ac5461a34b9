"""The result of probes: for each rule the request, the expected and the actual answer, and the severity."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bench.core.probe.probe_rules import RULES, ProbeRule, Severity
from bench.core.values.record import Count, NotNegative, Record


class ProbeStatus(StrEnum):
    """The judgement on a rule."""

    FINDING = "finding"
    """The service breaks the rule."""
    CANNOT_TELL = "cannot_tell"
    """The probe could not be sent, or its answer proves nothing."""
    NOT_PROMISED = "not_promised"
    """The stack does not promise to keep the rule."""
    NOT_APPLICABLE = "not_applicable"
    """The rule does not fit the service, such as a rule of tokens for a service without them."""
    PASSED = "passed"
    """The service keeps the rule."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an observation means for a rule."""

    status: ProbeStatus
    expected: str
    """The expected answer."""
    actual: str
    """The actual answer, or the reason why there is none."""
    severity: Severity | None = None
    """Severity of the finding; `None` for that of the rule."""
    request: int = 0
    """Position of the request that decided."""


class ProbeResult(Record):
    """The result of the probe of one rule."""

    rule: str
    """Id of the rule."""
    title: str
    """The rule in one sentence."""
    status: ProbeStatus
    """The judgement."""
    severity: Severity
    """Severity of the finding, or the one that a finding would have."""
    cwe: str | None
    """Id in the Common Weakness Enumeration; `None` if it has none."""
    owasp: str | None
    """Category of OWASP's API Security Top 10; `None` if it has none."""
    request: str
    """The request that was sent, without secrets; empty if none was sent."""
    expected: str
    """The expected answer."""
    actual: str
    """The actual answer, or the reason why there is none."""

    @classmethod
    def of(cls, rule: ProbeRule, judgement: Judgement, request: str) -> "ProbeResult":
        """Return the result of a judgement."""
        return cls(
            rule=rule.id,
            title=rule.title,
            status=judgement.status,
            severity=judgement.severity or rule.severity,
            cwe=rule.cwe,
            owasp=rule.owasp,
            request=request,
            expected=judgement.expected,
            actual=judgement.actual,
        )

    @property
    def cure(self) -> str:
        """What to change in a service that breaks the rule."""
        return RULES[self.rule].cure


class ProbeReport(Record):
    """The results of all probes of a chat service."""

    schema_version: int = 1
    """Version of this format."""
    stack: str
    """Name of the stack."""
    stack_file: str
    """File of the stack, which declares its promises."""
    target: str
    """Name of the target."""
    url: str
    """Address of the service."""
    started_at: datetime
    """Time of the first request."""
    requests: Count
    """Number of requests that were sent."""
    elapsed_s: NotNegative
    """Duration of all probes in seconds."""
    results: tuple[ProbeResult, ...]
    """The result of each rule."""

    @property
    def findings(self) -> tuple[ProbeResult, ...]:
        """The broken rules, the most severe ones first."""
        return tuple(sorted(self.list_results(ProbeStatus.FINDING), key=lambda row: -row.severity.rank))

    def list_results(self, status: ProbeStatus) -> tuple[ProbeResult, ...]:
        """Return the results with this judgement."""
        return tuple(result for result in self.results if result.status is status)

    def fails(self, least: Severity) -> bool:
        """Return whether a finding is at least this severe."""
        return any(result.severity.rank >= least.rank for result in self.findings)


def order_results(results: Iterable[ProbeResult]) -> tuple[ProbeResult, ...]:
    """Return the results in the order of the rules."""
    places = list(RULES)
    return tuple(sorted(results, key=lambda result: places.index(result.rule)))
