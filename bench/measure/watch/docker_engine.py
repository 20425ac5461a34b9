"""Ask the Docker engine what its containers use, by the package `docker`.

Import this module only where a stack has containers: `docker` and its ssh transport are large.
"""

import asyncio
import json
import os
import ssl
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import requests
from docker import APIClient, Context, ContextAPI
from docker.errors import APIError, DockerException, NotFound
from docker.tls import TLSConfig
from paramiko import SSHException
from pydantic import BaseModel
from requests.adapters import HTTPAdapter
from urllib3 import disable_warnings
from urllib3.exceptions import InsecureRequestWarning
from urllib3.util import create_urllib3_context

from bench.errors import TargetError
from bench.measure.watch.engine_models import ContainerInfo, ContainerStats, OomKill, without_nulls

LOCAL_SOCKET = "unix:///var/run/docker.sock"
_DEFAULT_CONTEXT = "default"  # the context that stands for the environment variables
_TIMEOUT_S = 5
_MAX_CONNECTIONS = 32
_MAX_SSH_SESSIONS = 9  # OpenSSH allows ten sessions in a connection by default
# The package raises ValueError for a bad port, and KeyError for an error answer without a message.
_REQUEST_ERRORS = (DockerException, requests.RequestException, SSHException, OSError, ValueError, KeyError)
Response = TypeVar("Response")
Model = TypeVar("Model", bound=BaseModel)


class _EngineAdapter(HTTPAdapter):
    """HTTPS with the certificates of the engine only.

    Two defaults of requests do not fit: REQUESTS_CA_BUNDLE replaces the certificates of a session, and Python
    3.13 refuses certificates without an authority key identifier, which Docker's own instructions produce.
    """

    def __init__(self, verify: bool | str) -> None:
        self._verify = verify
        super().__init__(pool_maxsize=_MAX_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Create the connection pool with a TLS context that is not strict about extensions."""
        context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if self._verify else ssl.CERT_NONE)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        super().init_poolmanager(*args, ssl_context=context, **options)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send a request, with the engine's `verify` in the place of the environment's."""
        return super().send(request, *args, **{**options, "verify": self._verify})


class EngineTls(TLSConfig):
    """The TLS settings of an engine: `ca.pem`, `cert.pem` and `key.pem` of a folder, as far as they exist."""

    def __init__(self, folder: Path, *, verify: bool) -> None:
        self.folder = folder
        ca, certificate, key = (folder / f"{name}.pem" for name in ("ca", "cert", "key"))
        super().__init__(
            client_cert=(str(certificate), str(key)) if certificate.exists() and key.exists() else None,
            ca_cert=str(ca) if ca.exists() else None,
            verify=verify,
        )

    def configure_client(self, client: APIClient) -> None:
        """Give a client the certificates."""
        super().configure_client(client)
        if not self.verify:
            disable_warnings(InsecureRequestWarning)  # the user asked for it
        client.mount("https://", _EngineAdapter(bool(self.verify) and (self.ca_cert or True)))


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """The address of a Docker engine."""

    host: str
    """`unix://…`, `tcp://…` or `ssh://…`."""
    tls: EngineTls | None = None
    """None for a socket, for ssh, and for an engine without TLS."""
    context: str | None = None
    """The Docker context that contains the address; `None` if no context does."""

    def __str__(self) -> str:
        of_context = f" (context '{self.context}')" if self.context else ""
        return f"Docker's engine at {self.host}{of_context}"


def find_engine() -> EngineAddress:
    """Return the address in DOCKER_HOST, else of the context in DOCKER_CONTEXT, else of the current context.

    This is the order of the `docker` program:
    https://docs.docker.com/engine/manage-resources/contexts/

    Raises:
        TargetError: The context does not exist or cannot be read.
    """
    host = os.environ.get("DOCKER_HOST")
    if host:
        return EngineAddress(host, _environment_tls())
    name = os.environ.get("DOCKER_CONTEXT")
    try:
        context = cast("Context | None", ContextAPI.get_context(name))  # its types omit None
    except Exception as error:  # the package raises a plain Exception for a damaged file
        raise TargetError(f"cannot read the Docker context: {error}", "docker context ls") from error
    if context is None:
        selected = f"'{name}' of DOCKER_CONTEXT" if name else "selected by `docker context use`"
        raise TargetError(
            f"the Docker context {selected} does not exist",
            "choose one of docker context ls, or set DOCKER_HOST to the engine's address",
        )
    if context.Name == _DEFAULT_CONTEXT:
        return EngineAddress(LOCAL_SOCKET)
    skip_verify = context.endpoints["docker"].get("SkipTLSVerify", False)
    folder = Path(context.tls_path) / "docker"
    tls = EngineTls(folder, verify=not skip_verify) if skip_verify or folder.is_dir() else None
    return EngineAddress(context.Host or LOCAL_SOCKET, tls, context.Name)


def _environment_tls() -> EngineTls | None:
    """Return the TLS settings of DOCKER_TLS_VERIFY, DOCKER_TLS and DOCKER_CERT_PATH; any text switches on.

    Source: https://docs.docker.com/engine/security/protect-access/
    """
    verify = bool(os.environ.get("DOCKER_TLS_VERIFY"))
    if not verify and not os.environ.get("DOCKER_TLS"):
        return None
    folder = os.environ.get("DOCKER_CERT_PATH") or os.environ.get("DOCKER_CONFIG")
    return EngineTls(Path(folder) if folder else Path.home() / ".docker", verify=verify)


class DockerEngine:
    """A connection to a Docker engine. The first request opens it; `close` ends it.

    The package `docker` blocks, so each request runs in a thread of this object.

    Raises:
        TargetError: The address contains a path that the ssh transport would ignore.
    """

    def __init__(self, address: EngineAddress) -> None:
        is_ssh = address.host.startswith("ssh://")
        if is_ssh and urlsplit(address.host).path.strip("/"):
            raise TargetError(f"{address}: a socket path is not supported over ssh", _forward(address.host))
        self._address = address
        self._connections = _MAX_SSH_SESSIONS if is_ssh else _MAX_CONNECTIONS
        self._threads = ThreadPoolExecutor(self._connections, "docker-engine")
        self._lock = Lock()
        self._client: APIClient | None = None

    async def stats(self, container: str) -> ContainerStats | None:
        """Return the resource counters of a container; `None` if it does not exist.

        The engine updates its counters once a second and answers after the next update.

        Raises:
            TargetError: The engine does not answer, or answers with other content.
        """
        content = await self._request(lambda client: client.stats(container, stream=False, one_shot=True))
        return None if content is None else _parse(ContainerStats, content)

    async def inspect(self, container: str) -> ContainerInfo | None:
        """Return the state of a container; `None` if it does not exist. Raises as `stats` does."""
        content = await self._request(lambda client: client.inspect_container(container))
        return None if content is None else _parse(ContainerInfo, content)

    async def oom_kills(self, containers: Collection[str], since_s: float, until_s: float) -> list[OomKill]:
        """Return the out-of-memory kills of some containers that the engine remembers (its last 256 events).

        Args:
            containers: Container ids.
            since_s: Start of the period, in seconds since 1970.
            until_s: End of the period, in seconds since 1970.

        Raises:
            TargetError: As `stats` does.
        """
        filters = {"type": ["container"], "event": ["oom"], "container": [*containers]}
        query = {"since": f"{since_s:.9f}", "until": f"{until_s:.9f}", "filters": json.dumps(filters)}

        def read_events(client: APIClient) -> list[str]:
            # client.events() has no timeout: an engine that hangs would keep the thread forever.
            url = f"{client.base_url}/v{client.api_version}/events"
            response = client.get(url, params=query, timeout=_TIMEOUT_S)
            response.raise_for_status()
            return response.text.splitlines()

        lines = await self._request(read_events) or []
        return [_parse(OomKill, line) for line in lines if line]

    async def close(self) -> None:
        """Close the connection. A request that still waits ends by its own timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    async def _request(self, call: Callable[[APIClient], Response]) -> Response | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._send, call)

    def _send(self, call: Callable[[APIClient], Response]) -> Response | None:
        """Run a call in this thread; return `None` for 404."""
        try:
            return call(self._connect())
        except NotFound:
            return None
        except APIError as error:
            raise TargetError(f"{self._address} answered {error.status_code}") from error
        except _REQUEST_ERRORS as error:
            raise TargetError(f"{self._address}: {_first_cause(error)}") from error

    def _connect(self) -> APIClient:
        """Return the client. Its constructor asks the engine for the API version."""
        with self._lock:
            if self._client is None:
                self._check_socket()
                self._client = APIClient(
                    base_url=self._address.host,
                    version="auto",
                    timeout=_TIMEOUT_S,
                    tls=self._address.tls or False,
                    max_pool_size=self._connections,
                )
            return self._client

    def _check_socket(self) -> None:
        """Refuse a socket that cannot be opened, with the reason."""
        if not self._address.host.startswith("unix://"):
            return
        socket = Path(self._address.host.removeprefix("unix://"))
        if not socket.exists():
            raise TargetError(f"{self._address}: the socket does not exist", "docker info")
        if not os.access(socket, os.R_OK | os.W_OK):
            raise TargetError(f"{self._address}: this user may not use the socket", "docker info")


def _first_cause(error: BaseException) -> str:
    """Return the first cause of an error in words, without the wrappers of requests and urllib3."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _forward(host: str) -> str:
    """Return the command that forwards a socket of another machine, for a hint."""
    parts = urlsplit(host)
    forwarded = "/tmp/docker.sock"  # noqa: S108 - an example for people
    command = f"ssh -nNT -L {forwarded}:{parts.path} ssh://{parts.netloc}"
    return f"run {command} and set DOCKER_HOST=unix://{forwarded}"


def _parse(model: type[Model], content: Mapping[str, Any] | str) -> Model:
    """Return a validated response: a JSON text, or an object that the package has decoded."""
    try:
        value = json.loads(content) if isinstance(content, str) else content
        return model.model_validate(without_nulls(value))
    except ValueError as error:  # pydantic's error is one, too
        raise TargetError(f"Docker's engine did not answer with {model.__name__}") from error
