"""The rules that probes check: one table with the severity, the CWE id and the OWASP category of each.

Sources: https://cwe.mitre.org and https://owasp.org/API-Security/editions/2023/en/0x11-t10/. The last edition
of OWASP's list with a category for missing logs is that of 2019.
"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much damage a finding permits, from the least to the most."""

    LOW = "low"
    """A hardening is missing. No attack follows from it alone."""
    MEDIUM = "medium"
    """A safeguard is missing or breaks: bad input is an internal error, or a limit does not exist."""
    HIGH = "high"
    """A user gets the data of another one, a dead token is valid, or the service fails for all."""
    CRITICAL = "critical"
    """Everybody can act as every user."""

    @property
    def rank(self) -> int:
        """The place in the order: 0 is the least."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class ProbeRule:
    """A rule that a chat service must keep."""

    id: str
    """Name of the rule, and of its probe."""
    title: str
    """The rule in one sentence, without a full stop."""
    severity: Severity
    """Severity of a service that breaks the rule."""
    cwe: str | None
    """Id in the Common Weakness Enumeration; `None` if it has none."""
    owasp: str | None
    """Category of OWASP's API Security Top 10; `None` if it has none."""
    cure: str
    """What to change in a service that breaks the rule."""


_AUTHENTICATION = "API2:2023"
_OBJECTS = "API1:2023"
_RESOURCES = "API4:2023"
_CONFIGURATION = "API8:2023"
_LOGGING = "API10:2019"
_VERIFY = "verify each token with one declared algorithm and your own keys, before anything else"

_TABLE = (
    ProbeRule("auth-no-token", "A request without a token is refused", Severity.CRITICAL, "CWE-306",
              _AUTHENTICATION, "require a token on each chat call"),
    ProbeRule("auth-malformed", "A text that is no token is refused", Severity.CRITICAL, "CWE-287",
              _AUTHENTICATION, _VERIFY),
    ProbeRule("auth-wrong-key", "A token that a foreign key signed is refused", Severity.CRITICAL, "CWE-347",
              _AUTHENTICATION, _VERIFY),
    ProbeRule("auth-alg-none", "A token without a signature is refused", Severity.CRITICAL, "CWE-347",
              _AUTHENTICATION, _VERIFY),
    ProbeRule("auth-key-confusion", "A token cannot choose the key or the algorithm that verifies it",
              Severity.CRITICAL, "CWE-347", _AUTHENTICATION, _VERIFY),
    ProbeRule("auth-changed-claims", "A token whose claims were changed after signing is refused",
              Severity.CRITICAL, "CWE-347", _AUTHENTICATION, _VERIFY),
    ProbeRule("auth-expired", "An expired token is refused", Severity.HIGH, "CWE-613",
              _AUTHENTICATION, "compare `exp` with the clock, and require it"),
    ProbeRule("auth-not-yet-valid", "A token is refused before its time (`nbf`)", Severity.MEDIUM, "CWE-287",
              _AUTHENTICATION, "compare `nbf` with the clock"),
    ProbeRule("auth-revoked", "A revoked token is refused", Severity.HIGH, "CWE-613",
              _AUTHENTICATION, "look up each token in the blacklist"),
    ProbeRule("auth-other-user", "A user does not get the data of another user", Severity.HIGH, "CWE-639",
              _OBJECTS, "select data by the user of the token, never by an id in the request"),
    ProbeRule("input-empty", "An empty message is refused", Severity.MEDIUM, "CWE-20", None,
              "check the message before you use it"),
    ProbeRule("input-wrong-type", "A message that is not a text is refused", Severity.MEDIUM, "CWE-20", None,
              "check the type of the message before you use it"),
    ProbeRule("input-too-long", "A message above the longest length is refused", Severity.MEDIUM, "CWE-770",
              _RESOURCES, "limit the characters of a message"),
    ProbeRule("input-longest", "A message of the longest length is accepted", Severity.LOW, "CWE-20", None,
              "accept what you promise"),
    ProbeRule("input-control-characters", "Control characters in a message do no harm", Severity.MEDIUM,
              "CWE-20", None, "refuse or remove control characters"),
    ProbeRule("input-invalid-utf8", "A body that is not UTF-8 is refused", Severity.MEDIUM, "CWE-20", None,
              "answer 400 if the body cannot be decoded"),
    ProbeRule("input-deep-json", "A deeply nested body is refused", Severity.MEDIUM, "CWE-674",
              _RESOURCES, "limit the depth of a body, and answer 400 beyond it"),
    ProbeRule("input-large-body", "A body above the largest size is refused", Severity.MEDIUM, "CWE-770",
              _RESOURCES, "stop reading at the limit, and answer 413"),
    ProbeRule("input-content-type", "A content type other than JSON is refused", Severity.MEDIUM, "CWE-20",
              None, "answer 415 to other content types"),
    ProbeRule("input-method", "Another HTTP method is refused", Severity.MEDIUM, "CWE-650", _CONFIGURATION,
              "answer 405 to other methods"),
    ProbeRule("input-survives", "The service answers after all bad input", Severity.HIGH, "CWE-400",
              _RESOURCES, "read the log of the service"),
    ProbeRule("headers-promised", "Answers have the promised headers", Severity.LOW, "CWE-693",
              _CONFIGURATION, "set the headers on each answer"),
    ProbeRule("headers-server", "No header reveals the version of a program", Severity.LOW, "CWE-200",
              _CONFIGURATION, "remove the version from `server` and `x-powered-by`"),
    ProbeRule("headers-cors", "No foreign page may use a user's credentials", Severity.LOW, "CWE-942",
              _CONFIGURATION, "name the allowed origins, or do not allow credentials"),
    ProbeRule("stream-cancelled", "A cancelled request frees its slot", Severity.MEDIUM, "CWE-772",
              _RESOURCES, "end the work of a request when its client is gone"),
    ProbeRule("audit-complete", "The audit log has each chat request", Severity.MEDIUM, "CWE-778",
              _LOGGING, "write an entry for each request, also for cancelled ones"),
    ProbeRule("audit-no-text", "The audit log contains no text of a message and no token", Severity.MEDIUM,
              "CWE-532", None, "write lengths and hashes instead of texts"),
    ProbeRule("rotation-new-key", "A new key is accepted without a restart", Severity.MEDIUM, "CWE-324",
              _AUTHENTICATION, "read the keys again when they change"),
    ProbeRule("rotation-no-failures", "No request fails while keys rotate", Severity.MEDIUM, None, None,
              "accept the old key until its tokens have expired"),
    ProbeRule("rotation-retired-key", "A retired key is refused", Severity.HIGH, "CWE-324",
              _AUTHENTICATION, "forget a key that the file no longer has"),
    ProbeRule("rate-limit", "A user who sends too many requests is refused", Severity.MEDIUM, "CWE-770",
              _RESOURCES, "count the requests of each user in a window of time"),
    ProbeRule("rate-limit-retry-after", "A refusal by the rate limit says when to come back", Severity.LOW,
              None, _RESOURCES, "send `Retry-After` in seconds"),
    ProbeRule("rate-limit-recovers", "A user may send again after the window of the limit", Severity.MEDIUM,
              "CWE-799", _RESOURCES, "forget requests that are older than the window"),
    ProbeRule("rate-limit-per-user", "The rate limit counts the user, not the address and not the token",
              Severity.MEDIUM, "CWE-799", _RESOURCES, "count by the id of the user"),
    ProbeRule("leak-stack-trace", "No error shows a stack trace", Severity.MEDIUM, "CWE-209", _CONFIGURATION,
              "log the trace, and answer with one sentence"),
    ProbeRule("leak-address", "No error shows an internal address", Severity.LOW, "CWE-497", _CONFIGURATION,
              "answer with one sentence that names no service"),
    ProbeRule("leak-path", "No error shows a path of the server's files", Severity.LOW, "CWE-497",
              _CONFIGURATION, "answer with one sentence that names no file"),
    ProbeRule("leak-secret", "No answer contains a token or a key", Severity.HIGH, "CWE-201", _CONFIGURATION,
              "never write a token into an answer"),
)  # fmt: skip
RULES: dict[str, ProbeRule] = {rule.id: rule for rule in _TABLE}
"""Each rule by its id, in the order of reports."""
