"""Asks the health checks that a stack declares."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Protocol, assert_never
from urllib.parse import urlsplit

import httpx

from bench.core.config.stack import expand
from bench.core.config.watching import Check, HttpCheck, MongoCheck, TcpCheck
from bench.core.samples.sample import Probe
from bench.core.values.units import ms
from bench.errors import ConfigError
from bench.measure.stacks.live import Live

TIMEOUT_S = 5.0
_LONGEST_TEXT = 120  # of an answer that is none


class Asker(Protocol):
    """Asks one check."""

    async def ask(self) -> str | None:
        """What is wrong; None when it is up."""
        ...

    async def close(self) -> None:
        """Close what it opened itself."""
        ...


class _Http:
    """A check by HTTP."""

    def __init__(
        self, check: HttpCheck, url: str, token: Callable[[], str] | None, client: httpx.AsyncClient
    ) -> None:
        self._check = check
        self._url = url.rstrip("/") + check.path
        self._token = token if check.auth == "bearer" else None
        self._client = client

    async def ask(self) -> str | None:
        headers = {} if self._token is None else {"authorization": f"Bearer {self._token()}"}
        try:
            response = await self._client.get(self._url, headers=headers, timeout=TIMEOUT_S)
        except httpx.TimeoutException:
            return f"no answer in {TIMEOUT_S:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__}: {error}".removesuffix(": ")
        if response.status_code == self._check.status:
            return None
        return f"{response.status_code} {response.text[:_LONGEST_TEXT]}".rstrip()

    async def close(self) -> None:
        pass  # the client is everybody's


class _Mongo:
    """A check by MongoDB's `ping`.

    Raises:
        ConfigError: The address is none.
    """

    def __init__(self, uri: str, where: str) -> None:
        from pymongo import AsyncMongoClient  # noqa: PLC0415 - only stacks with a MongoDB pay for its import
        from pymongo.errors import PyMongoError  # noqa: PLC0415 - likewise

        try:
            self._client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(
                uri, serverSelectionTimeoutMS=int(ms(TIMEOUT_S)), connect=False
            )
        except (PyMongoError, ValueError) as error:  # nothing of it is shown, for it may hold a password
            wrong = f"{where} is no address ({type(error).__name__})"
            raise ConfigError(f"{wrong}; a password has %40 for @ and %2F for /") from None

    async def ask(self) -> str | None:
        from pymongo.errors import PyMongoError  # noqa: PLC0415 - likewise

        try:
            await asyncio.wait_for(self._client.admin.command("ping"), TIMEOUT_S)
        except (PyMongoError, TimeoutError) as error:
            return type(error).__name__  # its text has the server's address and more than a line
        return None

    async def close(self) -> None:
        await self._client.close()


class _Tcp:
    """A check by opening a connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)

    async def ask(self) -> str | None:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(self._host, self._port), TIMEOUT_S)
        except TimeoutError:
            return f"no connection in {TIMEOUT_S:g} s"
        except OSError as error:
            return error.strerror or str(error)
        writer.close()
        return None

    async def close(self) -> None:
        pass  # it has closed what it opened


async def ask(name: str, asker: Asker, at_s: float) -> Probe:
    """Ask a check, and say how long the answer took."""
    began_s = time.monotonic()
    trouble = await asker.ask()
    took_ms = ms(time.monotonic() - began_s) if trouble is None else None
    return Probe(at_s=at_s, check=name, up=trouble is None, took_ms=took_ms, detail=trouble)


def askers(
    live: Live, token: Callable[[], str] | None, client: httpx.AsyncClient, why_no_token: str | None = None
) -> tuple[dict[str, Asker], dict[str, str]]:
    """Who asks the checks of a stack, and why others cannot be asked, by the checks' names.

    Args:
        live: The stack.
        token: Makes a token of a test user; None when there is none.
        client: Who speaks HTTP.
        why_no_token: What is said of checks that need one.
    """
    found, left_out = dict[str, Asker](), dict[str, str]()
    for name, check in live.stack.checks.items():
        reason = _unaskable(check, live.urls)
        if isinstance(check, HttpCheck) and check.auth == "bearer" and token is None:
            reason = reason or f"it needs a test user: {why_no_token or 'there is none'}"
        if reason is not None:
            left_out[name] = reason
            continue
        try:
            found[name] = _asker(name, check, live, token, client)
        except ConfigError as error:
            left_out[name] = error.message
    return found, left_out


def _unaskable(check: Check, urls: Mapping[str, str]) -> str | None:
    if isinstance(check, MongoCheck) or check.service in urls:
        return None
    return f"its address is not known: --url {check.service}=http://…"


def _asker(
    name: str, check: Check, live: Live, token: Callable[[], str] | None, client: httpx.AsyncClient
) -> Asker:
    match check:
        case HttpCheck():
            return _Http(check, live.urls[check.service], token, client)
        case MongoCheck():
            where = f"checks.{name}.uri"
            return _Mongo(expand(check.uri, live.values, where), where)
        case TcpCheck():
            return _Tcp(live.urls[check.service])
        case _:
            assert_never(check)
