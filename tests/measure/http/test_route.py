import asyncio
import importlib.util
import socket
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from bench.core.samples.sample import Culprit
from bench.errors import ConfigError
from bench.measure.http.connection import Connection
from bench.measure.http.httpx_connection import HttpxConnection
from bench.measure.http.proxies import Proxies, read_proxies
from bench.measure.http.route import (
    DIRECT,
    HttpImplementation,
    HttpVersion,
    Route,
    choose_route,
    direct_route,
)
from bench.measure.http.trust import make_context
from bench.measure.http.wire import Address, WireError, WireFault, request_bytes
from bench.measure.stacks.health import wait_until_ready
from tests.measure.hostile import make_certificate, run_on, serving, then_close
from tests.measure.loopback import response, server

GET = request_bytes("GET", "/", "test", {})
OWN = HttpImplementation.OWN
HTTPX = HttpImplementation.HTTPX


def _choose(
    environ: Mapping[str, str], transport: HttpImplementation = HTTPX, version: HttpVersion | None = None
) -> Route:
    return choose_route(transport, version, None, environ)


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, "http://a", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://a", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, "https://a", None),
        ({"HTTPS_PROXY": "p:1"}, "https://a", "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "https://a", "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "http_proxy": "http://q:1"}, "http://a", "http://q:1"),
        ({"http_proxy": "http://small:1", "HTTP_PROXY": "http://big:1"}, "http://a", "http://small:1"),
        ({"HTTP_PROXY": ""}, "http://a", None),
        ({"HTTP_PROXY": "http://[::1]:3128"}, "http://a", "http://[::1]:3128"),
    ],
)
def test_the_environment_declares_proxies(environ: dict[str, str], url: str, proxy: str | None) -> None:
    """The scheme of the address decides, then ALL_PROXY; names in lower case have priority."""
    assert read_proxies(environ).find(url) == proxy


@pytest.mark.parametrize(
    ("entry", "url", "is_exempt"),
    [
        ("*", "http://a", True),
        ("a.example", "http://a.example", True),
        ("example", "http://a.example", True),
        (".example", "http://a.example", True),
        ("*.example", "http://a.example", True),
        ("example", "http://counterexample", False),
        ("A.Example", "http://a.example", True),
        ("a:8080", "http://a:8080", True),
        ("a:8080", "http://a", False),
        ("a:80", "http://a", True),
        ("[::1]", "http://[::1]:3000", True),
        ("::1", "http://[::1]:3000", True),
        ("[::1]:3000", "http://[::1]:3000", True),
        ("[::1]:3000", "http://[::1]:3001", False),
        ("127.0.0.0/8", "http://127.0.0.1:3000", True),
        ("10.0.0.0/8", "http://127.0.0.1:3000", False),
        ("10.0.0.0/8", "http://a", False),
        ("b, ,127.0.0.1 ", "http://127.0.0.1", True),
    ],
)
def test_no_proxy_names_exceptions(entry: str, url: str, is_exempt: bool) -> None:
    """Hosts, domains, ports, IPv6 addresses and networks are exempt in the usual spellings."""
    proxies = read_proxies({"ALL_PROXY": "http://p:1", "NO_PROXY": entry})
    assert (proxies.find(url) is None) == is_exempt


@pytest.mark.parametrize(
    "text", ["http://", "http://p:99999", "http://p:x", "ftp://p:1", "http://[::1", "http://secret@:1"]
)
def test_a_wrong_proxy_is_refused_with_its_variable(text: str) -> None:
    """The error names the variable and the cure, and omits the address, which may contain a password."""
    with pytest.raises(ConfigError) as refused:
        read_proxies({"HTTPS_PROXY": text})
    assert refused.value.message == "HTTPS_PROXY is not the address of a proxy"
    assert "unset HTTPS_PROXY" in (refused.value.hint or "")
    assert "secret" not in str(refused.value)


def test_a_socks_proxy_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package, the error names it; with it, the proxy is used."""
    environ = {"ALL_PROXY": "socks5://127.0.0.1:1"}
    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    with pytest.raises(ConfigError, match="ALL_PROXY is a SOCKS proxy, which needs the package socksio"):
        read_proxies(environ)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert read_proxies(environ).find("http://a") == "socks5://127.0.0.1:1"


def test_only_httpx_uses_proxies() -> None:
    """The own transport connects directly, so a wrong proxy does not concern it."""
    environ = {"HTTP_PROXY": "http://p:1", "ALL_PROXY": "wrong://"}
    assert _choose(environ, OWN) == DIRECT
    with pytest.raises(ConfigError, match="ALL_PROXY"):
        _choose(environ)
    route = _choose({"HTTP_PROXY": "http://p:1"})
    assert route.proxies.find("http://a") == "http://p:1"
    assert route.without_proxies().proxies.find("http://a") is None


def test_http_2_is_refused_if_it_is_not_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--http 2` needs httpx and its package, and each error names the cure."""
    with pytest.raises(ConfigError) as refused:
        _choose({}, OWN, HttpVersion.HTTP_2)
    assert refused.value.hint == "add --transport httpx"
    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    with pytest.raises(ConfigError, match="needs the package h2") as refused:
        _choose({}, HTTPX, HttpVersion.HTTP_2)
    assert refused.value.hint == "pip install 'chatbench[http2]'"
    assert _choose({}, HTTPX, HttpVersion.HTTP_1_1).version is HttpVersion.HTTP_1_1
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert _choose({}, HTTPX, HttpVersion.HTTP_2).version is HttpVersion.HTTP_2


def test_a_proxy_gets_the_load_and_the_ready_check() -> None:
    """Both requests name the complete address of the service, and reach the proxy only."""

    async def work() -> list[str]:
        async with server([response(b"through the proxy")]) as (url, seen):
            route = Route(HTTPX, proxies=Proxies({"http": url}))
            connection = HttpxConnection("http://service.invalid:81", route)
            assert (await connection.exchange(GET)).body == b"through the proxy"
            connection.close()
            await connection.wait_closed()
            ready = "http://service.invalid:81/ready"
            await asyncio.to_thread(wait_until_ready, ready, {}, 60.0, route=route)
            async with route.client(["http://service.invalid:81"]) as client:
                assert (await client.get("http://service.invalid:81/health")).text == "through the proxy"
            return [head.split(" ")[1] for head in seen.heads]

    paths = run_on("asyncio")(work())
    assert paths == [f"http://service.invalid:81{path}" for path in ("/", "/ready", "/health")]


@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"])
def test_a_proxy_that_does_not_connect_is_the_fault_of_the_generator(answer: bytes | None) -> None:
    """A proxy that is down, or that refuses, is not the target's failure."""

    async def fail(proxy: str) -> WireError:
        connection = HttpxConnection("https://service.invalid", Route(HTTPX, proxies=Proxies({"all": proxy})))
        with pytest.raises(WireError) as failed:
            await connection.exchange(GET)
        connection.close()
        await connection.wait_closed()
        return failed.value

    async def work() -> WireError:
        if answer is None:
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                return await fail(f"http://user:secret@127.0.0.1:{taken.getsockname()[1]}")
        async with serving(then_close(answer)) as url:
            return await fail(url)

    error = run_on("asyncio")(work())
    assert (error.kind, error.culprit) == (WireFault.CONNECT_FAILED, Culprit.GENERATOR)
    assert error.message.startswith("no connection through the proxy 127.0.0.1: ")
    assert "secret" not in error.message


# Certificates


async def _reach(url: str, route: Route) -> list[str]:
    """Return what each kind of request makes of a server: `ok`, or the type of its error."""
    results = []
    for connection in (Connection(Address.of(url, route.context)), HttpxConnection(url, route)):
        try:
            reply = await connection.exchange(GET)
            results.append(reply.body.decode())
        except WireError as error:
            results.append(error.kind.value)
        connection.close()
        await connection.wait_closed()
    with route.blocking_client([url], {}, 5.0) as client:
        try:
            results.append((await asyncio.to_thread(client.get, url)).text)
        except httpx.ConnectError:
            results.append("tls_failed")
    async with route.client([url]) as checking:
        try:
            results.append((await checking.get(url)).text)
        except httpx.ConnectError:
            results.append("tls_failed")
    return results


@pytest.mark.parametrize("way", ["nothing", "ca", "SSL_CERT_FILE"])
def test_every_request_trusts_the_same_certificates(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Load, ready check and health checks accept an own authority, and refuse it without a declaration."""
    served, _ = make_certificate(tmp_path)
    pem = tmp_path / "loopback.pem"
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if way == "SSL_CERT_FILE":
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    route = direct_route(pem if way == "ca" else None)

    async def work() -> list[str]:
        async with serving(then_close(response(b"ok")), served) as url:
            return await _reach(url, route)

    expected = "tls_failed" if way == "nothing" else "ok"
    assert run_on("asyncio")(work()) == [expected] * 4


def test_a_wrong_file_of_certificates_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file, a file without a certificate and a missing folder are named with their origin."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    with pytest.raises(ConfigError, match=f"--ca {empty} contains no certificate"):
        make_context(empty)
    with pytest.raises(ConfigError, match=r"--ca missing\.pem cannot be read: No such file"):
        make_context(Path("missing.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", "missing.pem")
    with pytest.raises(ConfigError, match=r"SSL_CERT_FILE=missing\.pem cannot be read"):
        make_context()
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("SSL_CERT_DIR", "missing")
    with pytest.raises(ConfigError, match="SSL_CERT_DIR=missing is not a folder"):
        make_context()


def test_a_context_is_made_once() -> None:
    """The second context is the first one, because making one takes milliseconds."""
    assert make_context() is make_context()
    assert Address.of("https://a").tls is make_context()
