"""Errors of a MongoDB: pymongo's own sentence, and what to change. A password is never part of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_plus

_MAX_TEXT_CHARACTERS = 200
_CONCEALED = "…"
_MIN_CHARACTERS = 4  # of a password that is not found in other words by chance
# pymongo adds its settings and all that it knows about the servers to its sentence.
_AFTER_SENTENCE = re.compile(r", (Timeout|full error): | \(configured timeouts: |, Topology Description: |\n")
_CREDENTIALS = re.compile(r"^[^:/]*://(?P<user>[^:@]*):(?P<password>.*)@", re.DOTALL)
_FIXED = "must be escaped according to RFC 3986"  # a sentence of pymongo without a part of the address
_SPECIAL = re.compile(r"[@:/?#%\[\],&=\s]+")
_ESCAPE = (
    "in user and password of {field}, write %40 for @, %3A for :, %2F for /, %3F for ?, %23 for #, %25 for %"
)
_CURES = (
    (
        r"internal hostnames|Could not reach any servers in",
        "the replica set names itself by names of its own network: add directConnection=true to {field}",
    ),
    (r"replica set name", "correct replicaSet in {field}, or remove it"),
    (
        r"\bDNS\b|dnspython|resolution lifetime|SRV",
        "check the name in {field}: mongodb+srv:// needs SRV records, mongodb://HOST:27017 does not",
    ),
    (r"No default database", "add the name of the database to {field}: mongodb://HOST:27017/NAME"),
    (r"must be escaped|must be URL encoded|percent-encoded", _ESCAPE),
    (
        r"(?i)authentication failed|auth failed|bad auth",
        "check user and password in {field}; add authSource=admin if the user is in the database admin",
    ),
    (r"requires authentication", "add the user to {field}: mongodb://USER:PASSWORD@HOST:27017/NAME"),
    (r"(?i)not authorized|not allowed", "give the user in {field} the role readWrite for the database"),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "add tlsCAFile=FILE with the certificate of the authority to {field}",
    ),
    (r"SSL|TLS", "check tls in {field}: the server may not use TLS"),
    (r"connection closed|reset by peer", "add tls=true to {field} if the server needs TLS"),
    (
        r"Name or service not known|name resolution|nodename nor servname|getaddrinfo|No address associated",
        "check the host name in {field}; it must be known on this machine",
    ),
    (r"No such file|Permission denied", "correct the file in {field}"),
    (r"refused|timed out|unreachable|No route", "check that a MongoDB listens at the address in {field}"),
)
_OTHER_CURE = "check the server, the database and the user in {field}, and the free space of its disk"


@dataclass(frozen=True, slots=True)
class MongoProblem:
    """An error of a MongoDB, for people."""

    sentence: str
    """The type of the error and its first sentence."""
    advice: str
    """What to change, with `{field}` in the place of the declaration."""

    def cure(self, field: str) -> str:
        """Return what to change.

        Args:
            field: The field that declares the address.
        """
        return self.advice.replace("{field}", field)


def describe_error(error: Exception, uri: str) -> MongoProblem:
    """Return the sentence and the cure of an error of pymongo.

    Args:
        error: The error.
        uri: The address. Its password is removed from the sentence.
    """
    name = type(error).__name__
    words = _first_sentence(error)
    advice = next((cure for pattern, cure in _CURES if re.search(pattern, words)), _OTHER_CURE)
    fragments = [*_unescaped_fragments(uri)]
    if fragments:  # pymongo may have taken a part of the password for a host or a database
        advice = _ESCAPE
        if _FIXED not in words and any(fragment in words for fragment in fragments):
            words = ""
    words = _conceal_password(words, uri)[:_MAX_TEXT_CHARACTERS]
    return MongoProblem(f"{name}: {words}" if words else name, advice)


def _first_sentence(error: Exception) -> str:
    """Return the server's message, else that of pymongo."""
    details = getattr(error, "details", None)
    if isinstance(details, dict):
        first = (details.get("writeErrors") or [details])[0]
        if first.get("errmsg"):
            return _cut(str(first["errmsg"]))
    return _cut(str(error))


def _cut(text: str) -> str:
    return _AFTER_SENTENCE.split(text, maxsplit=1)[0].strip()


def _unescaped_fragments(uri: str) -> Iterator[str]:
    """Yield the parts of a user and a password that contain special characters, which divide the address."""
    match = _CREDENTIALS.match(uri)
    if match is None or not re.search(r"[@:/?#\[\]]|%(?![0-9A-Fa-f]{2})", match["password"]):
        return
    for part in _SPECIAL.split(match["password"]):
        if part:
            yield part


def _conceal_password(text: str, uri: str) -> str:
    match = _CREDENTIALS.match(uri)
    if match is None:
        return text
    for secret in (match["password"], unquote_plus(match["password"])):
        if len(secret) >= _MIN_CHARACTERS:
            text = text.replace(secret, _CONCEALED)
    return text
