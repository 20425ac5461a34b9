"""Where Docker's engine is, and how it is spoken to: as the `docker` program finds it.

Sources: https://docs.docker.com/reference/cli/docker/context/use/ for what comes first, and
https://docs.docker.com/engine/security/protect-access/ for TLS by the environment.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from bench.core.config.engine_errors import explain
from bench.errors import TargetError
from bench.measure.stacks.docker import attempt, surroundings

SOCKET = "unix:///var/run/docker.sock"
_DOING = "find Docker's engine"
_DEFAULT = "default"  # the context that stands for the environment
_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Tls:
    """What an engine is spoken to with.

    Attributes:
        folder: Holds `ca.pem`, and `cert.pem` with `key.pem`, as far as they are needed.
        verified: Whether the engine must show a certificate that is trusted.
    """

    folder: Path
    verified: bool

    def context(self) -> ssl.SSLContext:
        """The certificates, loaded.

        Raises:
            TargetError: One of them cannot be used.
        """
        ca, calibration, key = (self.folder / name for name in ("ca.pem", "cert.pem", "key.pem"))
        try:
            context = ssl.create_default_context(cafile=ca if ca.exists() else None)
            # As the program: Docker's own recipe makes certificates that name no key of their authority.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if not self.verified:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if calibration.exists() and key.exists():
                context.load_cert_chain(calibration, key, password=lambda: "")  # else it asks the terminal
        except (OSError, ValueError) as error:
            raise TargetError(
                f"the certificates of Docker's engine in {self.folder} cannot be used: {error}",
                "they are ca.pem, cert.pem and key.pem, the last without a passphrase",
            ) from error
        return context


@dataclass(frozen=True, slots=True)
class Place:
    """Where an engine is.

    Attributes:
        host: `unix://…`, `tcp://…` or another address that the program takes.
        tls: None for a socket, and where it is spoken to in the clear.
        context: The name of Docker's context that says so; None when none does.
    """

    host: str
    tls: Tls | None = None
    context: str | None = None

    def __str__(self) -> str:
        of_context = f" (context '{self.context}')" if self.context else ""
        return f"Docker's engine at {self.host}{of_context}"


class _Endpoint(BaseModel):
    host: str = Field(alias="Host", default="")
    skip_tls_verify: bool = Field(alias="SkipTLSVerify", default=False)


class _Endpoints(BaseModel):
    docker: _Endpoint


class _Files(BaseModel):
    docker: list[str] = []


class _Storage(BaseModel):
    tls_path: Path = Field(alias="TLSPath")


class _Context(BaseModel):
    """What `docker context inspect` says, as far as it is read."""

    name: str = Field(alias="Name")
    endpoints: _Endpoints = Field(alias="Endpoints")
    tls_material: _Files = Field(alias="TLSMaterial", default=_Files())
    storage: _Storage = Field(alias="Storage")


def find_engine(environ: Mapping[str, str]) -> Place:
    """Where the engine is: DOCKER_HOST, else DOCKER_CONTEXT, else the current context.

    Args:
        environ: The caller's.

    Raises:
        ConfigError, TargetError: The program does not say; or not of a context that was asked for.
    """
    if host := environ.get("DOCKER_HOST"):
        return Place(host, _tls(environ))
    command = ["docker", "context", "inspect", "--format", "{{json .}}"]
    code, out, said = attempt(command, _DOING, environment=surroundings(environ), timeout_s=_TIMEOUT_S)
    if code != 0:
        if environ.get("DOCKER_CONTEXT"):
            raise explain(_DOING, said)
        return Place(SOCKET)  # a program without contexts
    try:
        found = _Context.model_validate_json(out)
    except ValidationError as error:
        raise TargetError(f"cannot {_DOING}: docker context inspect says something else") from error
    endpoint = found.endpoints.docker
    if found.name == _DEFAULT:
        return Place(endpoint.host or SOCKET, _tls(environ))
    tls = None
    if found.tls_material.docker or endpoint.skip_tls_verify:
        tls = Tls(found.storage.tls_path / "docker", verified=not endpoint.skip_tls_verify)
    return Place(endpoint.host or SOCKET, tls, found.name)


def _tls(environ: Mapping[str, str]) -> Tls | None:
    """What the environment says; any text turns a variable on, as it does for the program."""
    verified = bool(environ.get("DOCKER_TLS_VERIFY"))
    if not verified and not environ.get("DOCKER_TLS"):
        return None
    folder = environ.get("DOCKER_CERT_PATH") or environ.get("DOCKER_CONFIG")
    return Tls(Path(folder) if folder else Path.home() / ".docker", verified)
