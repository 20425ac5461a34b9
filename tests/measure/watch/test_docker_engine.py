import asyncio
import json
import os
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from docker import ContextAPI
from docker.tls import TLSConfig

from bench.errors import TargetError
from bench.measure.watch.docker_engine import (
    LOCAL_SOCKET,
    DockerEngine,
    EngineAddress,
    EngineTls,
    find_engine,
)
from bench.measure.watch.engine_models import ContainerStats
from tests.measure.authority import Authority
from tests.measure.fake_engine import FakeContainer, engine, engine_at


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration folder of Docker, without a context and without variables that choose an engine."""
    for name in [*os.environ]:
        if name.startswith("DOCKER_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


def _add_context(config: Path, name: str, host: str, **options: Any) -> None:
    ContextAPI.create_context(name, host=host, **options)
    (config / "config.json").write_text(json.dumps({"currentContext": name}))


def _facts(address: EngineAddress) -> tuple[str, str | None, tuple[Path, bool] | None]:
    tls = address.tls
    return address.host, address.context, None if tls is None else (tls.folder, bool(tls.verify))


def test_docker_host_precedes_all_contexts(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the `docker` program, contexts do not count if DOCKER_HOST is set."""
    _add_context(config, "colima", "unix:///colima.sock")
    monkeypatch.setenv("DOCKER_HOST", "tcp://far:2375")
    monkeypatch.setenv("DOCKER_CONTEXT", "colima")
    assert _facts(find_engine()) == ("tcp://far:2375", None, None)


@pytest.mark.usefixtures("config")
def test_the_local_socket_is_the_default() -> None:
    """Without a variable and without a context, the engine is that of this machine."""
    assert _facts(find_engine()) == (LOCAL_SOCKET, None, None)


def test_docker_context_precedes_the_current_context(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A context contains an address; the name `default` stands for the environment."""
    _add_context(config, "far", "tcp://far:2375")
    _add_context(config, "colima", "unix:///colima.sock")
    assert find_engine().context == "colima"
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    assert find_engine().context == "far"
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    assert _facts(find_engine()) == (LOCAL_SOCKET, None, None)


@pytest.mark.parametrize("skip", [True, False])
def test_a_context_has_its_own_certificates(config: Path, tmp_path: Path, skip: bool) -> None:
    """The certificates of the context count, and whether it verifies those of the engine."""
    made = Authority().issue(tmp_path / "made")
    files = (str(made / "cert.pem"), str(made / "key.pem"))
    tls = TLSConfig(client_cert=files, ca_cert=str(made / "ca.pem"), verify=not skip)
    _add_context(config, "far", "tcp://far:2376", tls_cfg=tls, skip_tls_verify=skip)
    found = find_engine()
    assert found.tls is not None
    assert (found.context, found.tls.verify) == ("far", not skip)
    assert found.tls.ca_cert is not None
    assert Path(found.tls.ca_cert).read_bytes() == (made / "ca.pem").read_bytes()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"DOCKER_CERT_PATH": "/certs"}, None),
        ({"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}, (Path("/certs"), True)),
        ({"DOCKER_TLS_VERIFY": "1", "DOCKER_CONFIG": "/config"}, (Path("/config"), True)),
        ({"DOCKER_TLS": "1", "DOCKER_CONFIG": ""}, (Path.home() / ".docker", False)),
    ],
)
def test_variables_switch_tls_on(
    config: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: tuple[Path, bool] | None
) -> None:
    """They apply to DOCKER_HOST and to no context, which has its own settings."""
    _add_context(config, "far", "tcp://far:2375")
    assert find_engine().tls is None
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DOCKER_HOST", "tcp://far:2376")
    assert _facts(find_engine()) == ("tcp://far:2376", None, expected)


def test_a_context_that_does_not_exist_is_an_error(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another engine would report that all containers are gone."""
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    with pytest.raises(TargetError, match="'gone' of DOCKER_CONTEXT does not exist"):
        find_engine()
    monkeypatch.delenv("DOCKER_CONTEXT")
    _add_context(config, "far", "tcp://far:2375")
    (meta,) = config.glob("contexts/meta/*/meta.json")
    meta.write_text("{")
    with pytest.raises(TargetError, match="cannot read the Docker context"):
        find_engine()


def _stats(address: EngineAddress) -> ContainerStats | None:
    """Ask for the resource use of the container `abc`."""

    async def run() -> ContainerStats | None:
        api = DockerEngine(address)
        try:
            return await api.stats("abc")
        finally:
            await api.close()

    return asyncio.run(run())


def _require_client_certificate(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def _stats_over_tls(server: Path, client: EngineTls | None) -> ContainerStats | None:
    """Ask an engine that has the certificates of `server`."""

    async def run() -> ContainerStats | None:
        async with engine_at(_require_client_certificate(server), {"abc": FakeContainer()}) as host:
            api = DockerEngine(EngineAddress(host, client))
            try:
                return await api.stats("abc")
            finally:
                await api.close()

    return asyncio.run(run())


@pytest.mark.parametrize("verify", [True, False])
def test_an_engine_is_read_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verify: bool) -> None:
    """With certificates of Docker's own instructions, whatever bundle other programs of the user need."""
    authority = Authority()
    client = authority.issue(tmp_path / "client")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Authority().issue(tmp_path / "other") / "ca.pem"))
    stats = _stats_over_tls(authority.issue(tmp_path / "server"), EngineTls(client, verify=verify))
    assert stats is not None
    assert stats.memory_bytes == 50_000_000


def test_an_engine_with_an_unknown_certificate_is_read_only_without_verification(tmp_path: Path) -> None:
    """DOCKER_TLS without DOCKER_TLS_VERIFY accepts every certificate, DOCKER_TLS_VERIFY does not."""
    authority = Authority()
    server = authority.issue(tmp_path / "server")
    client = authority.issue(tmp_path / "client", trusted=Authority())
    with pytest.raises(TargetError, match="CERTIFICATE_VERIFY_FAILED"):
        _stats_over_tls(server, EngineTls(client, verify=True))
    assert _stats_over_tls(server, EngineTls(client, verify=False)) is not None


def test_an_engine_that_refuses_the_client_is_a_target_error(tmp_path: Path) -> None:
    """With a certificate of another authority, without one, and without TLS."""
    server = Authority().issue(tmp_path / "server")
    stranger = Authority().issue(tmp_path / "stranger")
    for tls in (EngineTls(stranger, verify=False), EngineTls(tmp_path / "no", verify=False), None):
        with pytest.raises(TargetError, match=r"Docker's engine at tcp://127.0.0.1:\d+: \w+"):
            _stats_over_tls(server, tls)


def test_certificates_that_cannot_be_read_are_a_target_error(tmp_path: Path) -> None:
    """An encrypted key never asks the terminal for its passphrase."""
    authority = Authority()
    server = authority.issue(tmp_path / "server")
    locked = authority.issue(tmp_path / "locked", passphrase=os.urandom(8).hex().encode())
    broken = authority.issue(tmp_path / "broken")
    (broken / "ca.pem").write_text("no certificate")
    for folder in (locked, broken):
        with pytest.raises(TargetError, match="Docker's engine at tcp"):
            _stats_over_tls(server, EngineTls(folder, verify=True))


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("unix:///nowhere/docker.sock", "the socket does not exist"),
        ("tcp://127.0.0.1:1", "ConnectionRefusedError"),
        ("ssh://me@127.0.0.1:1", "Unable to connect to port 1 on 127.0.0.1"),
        ("npipe:////./pipe/docker_engine", "only supported on Windows"),
        ("tcp://far:port", "ValueError"),
    ],
)
def test_an_engine_that_does_not_answer_is_a_target_error(host: str, reason: str) -> None:
    """Each cause has its own words, with the address and the context."""
    address = EngineAddress(host, context="far")
    with pytest.raises(TargetError, match=reason) as caught:
        _stats(address)
    assert f"Docker's engine at {host} (context 'far')" in caught.value.message


def test_a_socket_path_over_ssh_is_refused() -> None:
    """The ssh transport ignores the path and would read another engine; the hint forwards the socket."""
    with pytest.raises(TargetError) as caught:
        DockerEngine(EngineAddress("ssh://far:22/run/user/1/docker.sock"))
    assert "-L /tmp/docker.sock:/run/user/1/docker.sock ssh://far:22" in (caught.value.hint or "")


def test_an_engine_that_hangs_is_a_target_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request has a timeout, the events as well, so that no thread waits forever."""
    monkeypatch.setattr("bench.measure.watch.docker_engine._TIMEOUT_S", 0.1)
    hanging = FakeContainer()
    hanging.hangs = True

    async def run() -> None:
        async with engine(tmp_path / "docker.sock", {"abc": hanging}):
            api = DockerEngine(EngineAddress(f"unix://{tmp_path / 'docker.sock'}"))
            for request in (api.stats("abc"), api.inspect("abc"), api.oom_kills(["abc"], 0.0, 1.0)):
                with pytest.raises(TargetError, match="timed out"):
                    await request
            await api.close()

    asyncio.run(run())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every socket")
def test_a_socket_without_permission_is_a_target_error(tmp_path: Path) -> None:
    """The cause differs from that of a missing socket."""

    async def run() -> None:
        async with engine(tmp_path / "docker.sock", {}):
            (tmp_path / "docker.sock").chmod(0)
            api = DockerEngine(EngineAddress(f"unix://{tmp_path / 'docker.sock'}"))
            with pytest.raises(TargetError, match="may not use the socket"):
                await api.stats("abc")
            await api.close()

    asyncio.run(run())


def test_contexts_of_the_docker_program_are_found(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program and the package agree on the files, so that both use the same engine."""
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "context", "ls"], capture_output=True, check=False).returncode
    ):
        pytest.skip("there is no docker program with contexts")
    certificates = Authority().issue(tmp_path / "made")
    files = ",".join(f"{name}={certificates / name}.pem" for name in ("ca", "cert", "key"))
    for name, endpoint in (("near", "host=unix:///near.sock"), ("far", f"host=tcp://far:2376,{files}")):
        command = [docker, "context", "create", name, "--docker", endpoint]
        subprocess.run(command, check=True, capture_output=True)
    assert _facts(find_engine()) == (LOCAL_SOCKET, None, None)
    subprocess.run([docker, "context", "use", "near"], check=True, capture_output=True)
    assert _facts(find_engine()) == ("unix:///near.sock", "near", None)
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    found = find_engine()
    assert (found.host, found.context) == ("tcp://far:2376", "far")
    assert found.tls is not None
    assert (found.tls.folder / "ca.pem").read_bytes() == (certificates / "ca.pem").read_bytes()
    assert found.tls.verify
    assert config.is_dir()
