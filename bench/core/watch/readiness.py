"""Readiness: decide from an answer whether a service is ready, still starts, or will never be ready."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Literal
from urllib.parse import urljoin, urlsplit

from bench.core.config.placeholders import list_variables
from bench.core.config.target import Target
from bench.core.values.escape import one_line

_MAX_CLOCK_DIFFERENCE_S = 5.0  # that needs no warning; a Date header has whole seconds
_MAX_TEXT_CHARACTERS = 200
_MAX_RETRY_S = 10.0
_HALF_SECOND = 0.5  # a Date header is rounded down to a whole second
# They may pass without a change of the declaration. All other refusals of the request are permanent.
_TEMPORARY = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.LOCKED,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_PERMANENT_SERVER_ERRORS = {
    HTTPStatus.NOT_IMPLEMENTED,
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
    HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED,
}
# The beginning of a path that stands in it twice: `/v1` in `/v1/v1/models`.
_TWICE = re.compile(r"(?:/[^/]+)*?((?:/[^/]+)+)\1(?:/|$)")
_NO_PATH = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_NO_GET = {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}


@dataclass(frozen=True, slots=True)
class ReadyCondition:
    """The declaration of when a service is ready."""

    file: str | None = "the target file"
    """File that declares the path in its field `ready`; `None` if no file does. Then any answer suffices."""
    auth: Literal["bearer", "none"] = "none"
    """Whether the request has the token of a test user."""
    keys: tuple[str, ...] = ()
    """Environment variables in the headers of the request."""
    is_external: bool = True
    """Whether `bench` did not start the service. A service that starts may refuse a request for a moment."""
    service: str = "the service"
    """Name of the service that is waited for."""

    @classmethod
    def of_target(cls, target: Target, *, is_external: bool) -> "ReadyCondition":
        """Return the condition of a target."""
        return cls(
            file=None if target.ready is None else f"targets/{target.name}.yaml",
            auth=target.auth,
            keys=list_variables("\n".join(target.headers.values())),
            is_external=is_external,
            service=target.service,
        )


@dataclass(frozen=True, slots=True)
class ReadyReply:
    """The answer to a request for readiness."""

    url: str
    """Address that was requested."""
    status: int
    """HTTP status."""
    headers: Mapping[str, str]
    """Headers by name in lower case."""
    text: str
    """The body."""
    received: datetime
    """When it arrived, by the clock of this machine."""

    @property
    def clock_difference(self) -> str | None:
        """A sentence about the clock of the service; `None` if it agrees with that of this machine."""
        ahead_s = self._clock_ahead_s()
        if ahead_s is None or abs(ahead_s) <= _MAX_CLOCK_DIFFERENCE_S:
            return None
        direction = "ahead of" if ahead_s > 0 else "behind"
        host = urlsplit(self.url).netloc
        return f"the clock of {host} is {abs(ahead_s):.0f} s {direction} that of this machine"

    def _clock_ahead_s(self) -> float | None:
        """Return how far the clock of the service is ahead; `None` if the reply does not show it."""
        if "date" not in self.headers or "age" in self.headers:  # a cache may return an old date
            return None
        try:
            date = parsedate_to_datetime(self.headers["date"])
        except ValueError:
            return None
        ahead = date.replace(tzinfo=date.tzinfo or UTC) - self.received
        return ahead.total_seconds() + _HALF_SECOND


@dataclass(frozen=True, slots=True)
class NotReady:
    """Why a service is not ready."""

    problem: str
    """What it answered, as the end of a sentence that begins with its address."""
    cure: str | None = None
    """What to do; `None` if waiting may help."""
    retry_after_s: float = 0.0
    """Shortest pause before the next request."""
    reason: str = "no answer"
    """The problem in two or three words, such as `404`."""
    is_refused: bool = False
    """Whether no program listens at the address."""


def judge(condition: ReadyCondition, reply: ReadyReply) -> NotReady | None:
    """Return why a service is not ready; `None` if it is."""
    if condition.file is None or reply.status // 100 == HTTPStatus.OK // 100:
        return None
    problem = _describe(reply)
    reason = str(reply.status)
    if _is_temporary(reply.status):
        return NotReady(problem, retry_after_s=_retry_after_s(reply), reason=reason)
    return NotReady(problem, _cure(condition, reply), reason=reason)


def _is_temporary(status: int) -> bool:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return status not in _PERMANENT_SERVER_ERRORS
    return status in _TEMPORARY


def _describe(reply: ReadyReply) -> str:
    try:
        name = f" {HTTPStatus(reply.status).phrase}"
    except ValueError:
        name = ""
    words = one_line(reply.text).strip()[:_MAX_TEXT_CHARACTERS]
    return f"answered {reply.status}{name}" + (f": {words}" if words else "")


def _retry_after_s(reply: ReadyReply) -> float:
    """Return the pause that the service asks for, if it is a number of seconds."""
    text = reply.headers.get("retry-after", "")
    return min(float(text), _MAX_RETRY_S) if text.isascii() and text.isdigit() else 0.0


def _cure(condition: ReadyCondition, reply: ReadyReply) -> str:
    """Return the change that makes a permanent refusal an answer."""
    if reply.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return f"{_cure_access(condition, reply)}; or set `ready` to a path that needs no key"
    if reply.status == HTTPStatus.BAD_REQUEST and "https" in reply.text.lower():
        return "the service uses TLS: write https:// in place of http://"
    path = urlsplit(reply.url).path
    change = f"set `ready` in {condition.file} to a path that answers 200 to GET, or remove it"
    if condition.file is not None and condition.file.startswith("targets/"):
        change += f"; `ready` of {condition.service} in your stack file replaces it"
    if reply.status in _NO_PATH:
        return _cure_double_path(path) or f"the service is up, but has no {path}: {change}"
    if reply.status in _NO_GET:
        return f"the service is up, but does not answer GET {path}: {change}"
    if reply.status < HTTPStatus.BAD_REQUEST:
        return _cure_redirect(condition, reply) or change
    return change


def _cure_double_path(path: str) -> str | None:
    twice = _TWICE.match(path)
    if twice is None:
        return None
    return f"the address and the target both have {twice[1]}: leave it out of the address"


def _cure_access(condition: ReadyCondition, reply: ReadyReply) -> str:
    if condition.auth == "bearer":
        cure = "set JWT_SECRET to the backend's secret, and check its test users and its clock"
        clock = reply.clock_difference
        return cure if clock is None else f"{clock}: set both clocks; {cure}"
    if condition.keys:
        return f"check {' and '.join(condition.keys)}, which `headers` in {condition.file} sends"
    return f"add the key of the service to `headers` in {condition.file}"


def _cure_redirect(condition: ReadyCondition, reply: ReadyReply) -> str | None:
    location = one_line(reply.headers.get("location", ""))
    if not location:
        return None
    try:
        requested = urlsplit(reply.url)
        wanted = urlsplit(urljoin(reply.url, location))
    except ValueError:
        return None
    if (requested.scheme, requested.netloc) != (wanted.scheme, wanted.netloc):
        return f"it redirects to {location}: use the address {wanted.scheme}://{wanted.netloc}"
    path = wanted.path + (f"?{wanted.query}" if wanted.query else "")
    return f"it redirects to {path}: write `ready: {path}` in {condition.file}, or remove it"
