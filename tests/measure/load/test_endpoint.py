import asyncio

import pytest

from bench.core.samples.sample import Outcome
from bench.errors import ConfigError
from bench.measure.http.httpx_connection import HttpxConnection
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint, check_url
from tests.factories import make_spec
from tests.measure.loopback import response, server
from tests.measure.sending import send


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(
    ("below", "prefix"), [("", ""), ("/", ""), ("/v2/chat", "/v2/chat"), ("/v2/chat/", "/v2/chat")]
)
def test_all_paths_are_below_the_path_of_the_url(below: str, prefix: str, *, own: bool) -> None:
    """Both transports send requests below the path of a gateway."""

    async def work() -> list[str]:
        async with server([response(b"{}"), response(b'{"data": {"message": "hello"}}')]) as (root, seen):
            url = root + below
            endpoint = Endpoint.of(make_spec(), url, {})
            client = ChatClient(endpoint, None, None if own else HttpxConnection(url))
            await client.open()
            assert (await send(client)).outcome is Outcome.OK
            await client.close()
            return [head.split(" ")[1] for head in seen.heads]

    assert asyncio.run(work()) == [f"{prefix}/ready", f"{prefix}/ask"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:3000",
        "localhost",
        "ftp://host",
        "http://",
        "http://host:99999",
        "http://[::1",
        "http://host/a b",
        "http://host/\u00fc",
        "http://host/?model=small",
        "http://host/#top",
    ],
)
def test_an_invalid_url_is_refused(url: str) -> None:
    """The error comes before any request."""
    with pytest.raises(ConfigError, match="invalid URL") as refused:
        check_url(url)
    assert refused.value.hint == "write it like http://127.0.0.1:3000"


def test_a_secret_in_a_url_is_refused_and_not_shown() -> None:
    """The error does not contain it, even if other parts of the URL are invalid too."""
    for url in ("http://me:hunter2@host", "http://me:hunter2@host:99999/", "https://me:hunter2@host/?a=b"):
        with pytest.raises(ConfigError, match="contains a user name or password") as refused:
            check_url(url)
        assert "hunter2" not in f"{refused.value.message} {refused.value.hint}"


def test_variables_stand_in_path_headers_and_body() -> None:
    """The variables of a spec replace those of the environment, and a default replaces a missing one."""
    spec = make_spec(
        path="/${env.MODEL:-small}/ask",
        headers={"x-key": "${env.KEY:-none}"},
        body={"model": "${env.MODEL:-small}", "max": "${env.MAX:-64}", "text": "${message}"},
        ready="/${env.MODEL:-small}/health",
    )
    usual = Endpoint.of(spec, "http://host", {})
    assert (usual.path, usual.ready, usual.headers["x-key"]) == ("/small/ask", "/small/health", "none")
    assert usual.body == {"model": "small", "max": 64, "text": "\0message\0"}
    chosen = spec.model_copy(update={"variables": {"MODEL": "large"}})
    endpoint = Endpoint.of(chosen, "http://host", {"MODEL": "medium", "MAX": "7", "KEY": "k"})
    assert (endpoint.path, endpoint.ready, endpoint.headers["x-key"]) == ("/large/ask", "/large/health", "k")
    assert endpoint.body == {"model": "large", "max": 7, "text": "\0message\0"}


def test_a_blank_in_a_path_is_an_error() -> None:
    """The value of a variable cannot break the request line."""
    spec = make_spec(path="/${env.MODEL}")
    with pytest.raises(ConfigError, match=r"^targets/[a-z-]+\.yaml: path: "):
        Endpoint.of(spec, "http://host", {"MODEL": "a b"})
