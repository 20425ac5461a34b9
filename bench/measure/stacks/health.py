"""Wait until a stack answers a test user; an open port is not enough."""

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus

import httpx

from bench.core.config.stack import Stack
from bench.core.config.stack_checks import find_ready_checks
from bench.core.samples.sample import Culprit
from bench.core.watch.readiness import NotReady, ReadyCondition, ReadyReply, judge
from bench.core.watch.waiting import WaitNotes
from bench.errors import MeasurementError, TargetError
from bench.measure.http.fault import describe, find_culprit, find_system_error
from bench.measure.http.route import DIRECT, Route
from bench.measure.stacks.ports import connect, host_and_port

_INTERVAL_S = 0.1
_REQUEST_TIMEOUT_S = 5.0
_MAX_BODY_BYTES = 4_000  # of a refusal; its first words suffice
# A service that bench started may refuse requests for a moment, such as a proxy that waits for its upstream.
_SETTLE_S = 15.0
# If no program listens at an address that bench did not start, it probably never will.
_ABSENT_S = 10.0
_NEEDS_USER = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_TEMPORARY_NAME_ERRORS = {socket.EAI_AGAIN, getattr(socket, "EAI_SYSTEM", socket.EAI_AGAIN)}
_OTHER_PROTOCOL = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}


def wait_until_ready(  # noqa: PLR0913 - most callers need three of them
    url: str,
    headers: Mapping[str, str],
    timeout_s: float,
    find_dead_service: Callable[[], str | None] = lambda: None,
    condition: ReadyCondition = ReadyCondition(),
    *,
    route: Route = DIRECT,
    on_wait: Callable[[str], None] = lambda _: None,
) -> ReadyReply:
    """Return the answer with which a service shows that it is ready.

    Args:
        url: The address to request repeatedly.
        headers: Request headers, with the token of a test user.
        timeout_s: Maximum waiting time.
        find_dead_service: Describes a service that ended meanwhile.
        condition: The declaration of when the service is ready.
        route: The way to the stack.
        on_wait: Receives lines about a long wait.

    Raises:
        TargetError: The time is over, a service ended, or waiting longer cannot help.
        MeasurementError: This machine lacks files, ports or memory for the request.
    """
    began_s = time.monotonic()
    settled_s = 0.0 if condition.is_external else _SETTLE_S
    notes = WaitNotes(condition.service)
    with route.blocking_client([url], headers, _REQUEST_TIMEOUT_S) as client:
        while True:
            answer = _ask(client, url, condition)
            if isinstance(answer, ReadyReply):
                return answer
            waited_s = time.monotonic() - began_s
            if answer.cure is not None and waited_s >= settled_s:
                raise TargetError(f"{url} {answer.problem}", answer.cure)
            death = find_dead_service()
            if death is not None:
                raise TargetError(death)
            delay_s = max(_INTERVAL_S, answer.retry_after_s)
            _check_time(url, waited_s + delay_s, timeout_s, condition, answer)
            line = notes.line(waited_s, answer.reason)
            if line is not None:
                on_wait(line)
            time.sleep(delay_s)


def _check_time(
    url: str, next_s: float, timeout_s: float, condition: ReadyCondition, answer: NotReady
) -> None:
    """Check whether there is time for a further request.

    Raises:
        TargetError: There is none.
    """
    is_absent = condition.is_external and answer.is_refused
    limit_s = min(timeout_s, _ABSENT_S) if is_absent else timeout_s
    if next_s < limit_s:
        return
    hint = answer.cure or (
        f"start it, or correct its address: curl -i {url}" if condition.is_external else "read its log"
    )
    raise TargetError(f"{url} was not ready within {limit_s:g} s: it {answer.problem}", hint)


def _ask(client: httpx.Client, url: str, condition: ReadyCondition) -> ReadyReply | NotReady:
    """Send one request; return the reply of a service that is ready, or why it is not."""
    try:
        with client.stream("GET", url) as response:
            reply = _read(response, url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _judge_failure(error)
    return judge(condition, reply) or reply


def _read(response: httpx.Response, url: str) -> ReadyReply:
    """Return a reply with the beginning of the body of a refusal, which may have no end."""
    received = datetime.now(UTC)
    body = bytearray()
    if not response.is_success:
        for part in response.iter_bytes():
            body += part
            if len(body) >= _MAX_BODY_BYTES:
                break
    text = bytes(body[:_MAX_BODY_BYTES]).decode(errors="replace")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return ReadyReply(url, response.status_code, headers, text, received)


def _judge_failure(error: Exception) -> NotReady:
    """Return why there was no answer; a cure if this will not pass.

    Raises:
        MeasurementError: This machine caused the failure: the service may be ready.
    """
    if find_culprit(error) is Culprit.GENERATOR:
        raise MeasurementError(f"the ready check was not sent: {describe(error)} on this machine")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return _judge_tls(cause)
        if isinstance(cause, socket.gaierror):
            return _judge_name(cause)
        cause = cause.__cause__ or cause.__context__
    problem = f"gave no answer ({type(error).__name__}: {error})".replace(": )", ")")
    system = find_system_error(error)
    reason = (getattr(system, "strerror", None) or type(error).__name__).lower()
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return NotReady(problem, "write the address like http://127.0.0.1:3000")
    return NotReady(problem, reason=reason, is_refused=isinstance(system, ConnectionRefusedError))


def _judge_name(error: socket.gaierror) -> NotReady:
    problem = f"has an unknown host name ({error.strerror})"
    if error.errno in _TEMPORARY_NAME_ERRORS:
        return NotReady(problem, reason="unknown host name")
    return NotReady(problem, "check the name, or write the IP address")


def _judge_tls(error: ssl.SSLError) -> NotReady:
    if isinstance(error, ssl.SSLCertVerificationError):
        problem = f"has a certificate that this machine does not accept ({error.verify_message})"
        return NotReady(
            problem,
            "name the file of its authority (--ca FILE or SSL_CERT_FILE), or use the certificate's name",
        )
    if error.reason in _OTHER_PROTOCOL:
        return NotReady(f"does not use TLS ({error.reason})", "write http:// in place of https://")
    return NotReady(f"gave no TLS connection ({error.reason or error})")


def probe_services(stack: Stack, urls: Mapping[str, str], *, route: Route = DIRECT) -> dict[str, str]:
    """Return the state of each service of a stack: `up`, or the problem.

    A service that declares `ready` is up if this path answers, or refuses a request without a test user.
    Another one is up if its port accepts connections.

    Args:
        stack: The declaration.
        urls: Addresses by service.
        route: The way to the stack.
    """
    checks = find_ready_checks(stack)
    states = {}
    with route.blocking_client(urls.values(), {}, _REQUEST_TIMEOUT_S) as client:
        for service, url in urls.items():
            check = checks.get(service)
            problem = _probe_port(url) if check is None else _probe_path(client, url, check.path)
            states[service] = problem or "up"
    return states


def _probe_port(url: str) -> str | None:
    error = connect(*host_and_port(url))
    return None if error is None else f"no answer: {error.strerror or error}"


def _probe_path(client: httpx.Client, url: str, path: str) -> str | None:
    try:
        status = client.get(url.rstrip("/") + path).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"no answer: {error}"
    is_up = status // 100 == HTTPStatus.OK // 100 or status in _NEEDS_USER
    return None if is_up else f"answers {status} to {path}"
