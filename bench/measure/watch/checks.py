"""Run the health checks that a stack declares."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, assert_never
from urllib.parse import urlsplit

from bench.core.config.placeholders import expand
from bench.core.config.stack_checks import find_health_checks
from bench.core.config.watching import Check, HttpCheck, MongoCheck, TcpCheck
from bench.core.samples.sample import Culprit, Probe
from bench.core.values.units import ms
from bench.errors import ConfigError, MeasurementError
from bench.measure.http.fault import describe, find_culprit
from bench.measure.stacks.running_stack import RunningStack

if TYPE_CHECKING:  # importing httpx takes a tenth of a second, and few stacks have a check by HTTP
    import httpx

OpenClient = Callable[[], "httpx.AsyncClient"]
"""Returns the HTTP client that all readers share; the first call makes it."""
TIMEOUT_S = 5.0
_MAX_TEXT_CHARACTERS = 120  # of an error response
_DEFAULT_PORTS = {"http": 80, "https": 443}


class HealthCheck(Protocol):
    """A health check with an open connection."""

    async def problem(self) -> str | None:
        """Return the reason why the service is down; `None` if it is up."""
        ...

    async def close(self) -> None:
        """Close the connections that the check opened."""
        ...


class _Http:
    """A health check by an HTTP request. The HTTP client belongs to the caller."""

    def __init__(
        self, check: HttpCheck, url: str, token: Callable[[], str] | None, open_client: OpenClient
    ) -> None:
        self._check = check
        self._url = url.rstrip("/") + check.path
        self._token = token if check.auth == "bearer" else None
        self._client = open_client()

    async def problem(self) -> str | None:
        import httpx  # noqa: PLC0415 - see above

        headers = {} if self._token is None else {"authorization": f"Bearer {self._token()}"}
        try:
            response = await self._client.get(self._url, headers=headers, timeout=TIMEOUT_S)
        except httpx.TimeoutException:
            return f"no answer in {TIMEOUT_S:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _refuse_own_fault(error)
            return f"{type(error).__name__}: {error}".removesuffix(": ")
        expected = self._check.status
        if response.is_success if expected is None else response.status_code == expected:
            return None
        return f"{response.status_code} {response.text[:_MAX_TEXT_CHARACTERS]}".rstrip()

    async def close(self) -> None:
        pass


class _Mongo:
    """A health check by MongoDB's `ping` command.

    Raises:
        ConfigError: The address is not valid. The message omits the address, which may contain a password.
    """

    def __init__(self, uri: str, field: str) -> None:
        from pymongo import AsyncMongoClient  # noqa: PLC0415 - only stacks with a MongoDB pay for its import
        from pymongo.errors import PyMongoError  # noqa: PLC0415 - likewise

        try:
            self._client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(
                uri, serverSelectionTimeoutMS=int(ms(TIMEOUT_S)), connect=False
            )
        except (PyMongoError, ValueError) as error:
            problem = f"{field} is not a valid address ({type(error).__name__})"
            raise ConfigError(f"{problem}; in a password, write %40 for @ and %2F for /") from None

    async def problem(self) -> str | None:
        from pymongo.errors import PyMongoError  # noqa: PLC0415 - likewise

        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._client.admin.command("ping")
        except (PyMongoError, TimeoutError) as error:
            return type(error).__name__  # its text has several lines and the address
        return None

    async def close(self) -> None:
        await self._client.close()


class _Tcp:
    """A health check by opening a TCP connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or _DEFAULT_PORTS.get(parts.scheme, _DEFAULT_PORTS["http"])

    async def problem(self) -> str | None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                _, writer = await asyncio.open_connection(self._host, self._port)
        except TimeoutError:
            return f"no connection in {TIMEOUT_S:g} s"
        except OSError as error:
            _refuse_own_fault(error)
            # asyncio replaces the system's words by an address.
            number = error.errno or 0
            return os.strerror(number) if number > 0 else error.strerror or str(error)
        writer.close()
        return None

    async def close(self) -> None:
        pass


def _refuse_own_fault(error: Exception) -> None:
    """Refuse an error of a check that this machine caused: the service may be up.

    Raises:
        MeasurementError: This machine lacked files, ports or memory for the check.
    """
    if find_culprit(error) is Culprit.GENERATOR:
        raise MeasurementError(f"a health check was not sent: {describe(error)} on this machine")


async def probe(name: str, check: HealthCheck, at_s: float) -> Probe:
    """Run a health check and return its result with its duration."""
    start_s = time.monotonic()
    problem = await check.problem()
    took_ms = ms(time.monotonic() - start_s) if problem is None else None
    return Probe(at_s=at_s, check=name, up=problem is None, took_ms=took_ms, detail=problem)


def open_checks(
    running: RunningStack,
    token: Callable[[], str] | None,
    open_client: OpenClient,
    why_no_token: str | None = None,
) -> tuple[dict[str, HealthCheck], dict[str, str]]:
    """Open the health checks of a stack.

    Args:
        running: The stack.
        token: Creates a token of a test user; `None` without a test user.
        open_client: Returns the HTTP client of all checks.
        why_no_token: The reason for a missing test user.

    Returns:
        The checks by name, and the reasons why other checks cannot run by name.
    """
    checks: dict[str, HealthCheck] = {}
    skipped: dict[str, str] = {}
    for name, check in find_health_checks(running.stack, tuple(running.urls)).items():
        reason = _skip_reason(check, running.urls)
        if reason is None and isinstance(check, HttpCheck) and check.auth == "bearer" and token is None:
            reason = f"it needs a test user: {why_no_token or 'the stack has none'}"
        if reason is not None:
            skipped[name] = reason
            continue
        try:
            checks[name] = _open(name, check, running, token, open_client)
        except ConfigError as error:
            skipped[name] = error.message
    return checks, skipped


def _skip_reason(check: Check, urls: Mapping[str, str]) -> str | None:
    if isinstance(check, MongoCheck) or check.service in urls:
        return None
    return f"its address is not known: --url {check.service}=http://…"


def _open(
    name: str,
    check: Check,
    running: RunningStack,
    token: Callable[[], str] | None,
    open_client: OpenClient,
) -> HealthCheck:
    match check:
        case HttpCheck():
            return _Http(check, running.urls[check.service], token, open_client)
        case MongoCheck():
            field = f"checks.{name}.uri"
            return _Mongo(expand(check.uri, running.values, field), field)
        case TcpCheck():
            return _Tcp(running.urls[check.service])
        case _:
            assert_never(check)
