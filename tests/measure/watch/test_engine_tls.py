import asyncio
import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from bench.errors import TargetError
from bench.measure.watch.engine_api import EngineApi, Stats
from bench.measure.watch.engine_place import SOCKET, Place, Tls, find_engine
from tests.measure.authority import Authority
from tests.measure.fake_engine import FakeContainer, engine_at


def _guarded(folder: Path) -> ssl.SSLContext:
    """An engine's side: it has a certificate, and wants one of whoever asks."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def _asked(engine: Path, tls: Tls | None) -> Stats | None:
    """What a container of an engine with these certificates uses, asked with those."""

    async def run() -> Stats | None:
        async with engine_at(_guarded(engine), {"abc": FakeContainer()}) as host:
            api = EngineApi(Place(host, tls))
            try:
                return await api.stats("abc")
            finally:
                await api.close()

    return asyncio.run(run())


@pytest.mark.parametrize("verified", [True, False])
def test_an_engine_is_asked_over_tls(tmp_path: Path, verified: bool) -> None:
    """With a certificate that it wants, made by Docker's recipe, and by one that is trusted."""
    authority = Authority()
    mine = authority.issue(tmp_path / "mine")
    found = _asked(authority.issue(tmp_path / "engine"), Tls(mine, verified=verified))
    assert found is not None
    assert found.memory_bytes == 50_000_000


def test_an_engine_that_nobody_trusts_is_asked_only_where_that_is_said(tmp_path: Path) -> None:
    """DOCKER_TLS without DOCKER_TLS_VERIFY asks whoever answers, DOCKER_TLS_VERIFY does not."""
    authority = Authority()
    engine = authority.issue(tmp_path / "engine")
    mine = authority.issue(tmp_path / "mine", trusted=Authority())
    with pytest.raises(TargetError, match="CERTIFICATE_VERIFY_FAILED"):
        _asked(engine, Tls(mine, verified=True))
    assert _asked(engine, Tls(mine, verified=False)) is not None


def test_an_engine_that_does_not_know_us_is_told(tmp_path: Path) -> None:
    """It ends the connection, which is trouble of the target's and no crash; so is speaking in the clear."""
    engine = Authority().issue(tmp_path / "engine")
    stranger = Authority().issue(tmp_path / "stranger")
    for tls in (Tls(stranger, verified=False), Tls(tmp_path / "nothing", verified=False), None):
        with pytest.raises(TargetError, match=r"Docker's engine at tcp://127.0.0.1:\d+: \w+Error"):
            _asked(engine, tls)


def test_certificates_that_are_none_are_told(tmp_path: Path) -> None:
    """With their folder; a key with a passphrase asks nobody for it, as the program does not."""
    locked = Authority().issue(tmp_path / "locked", passphrase=os.urandom(8).hex().encode())
    broken = Authority().issue(tmp_path / "broken")
    (broken / "ca.pem").write_text("no certificate")
    for folder in (locked, broken):
        with pytest.raises(TargetError) as caught:
            EngineApi(Place("tcp://127.0.0.1:1", Tls(folder, verified=True)))
        assert str(folder) in caught.value.message


def test_a_socket_needs_no_certificates(tmp_path: Path) -> None:
    """Variables that are set for another engine do not keep this machine's from being asked."""
    place = Place(f"unix://{tmp_path}/docker.sock", Tls(tmp_path / "nowhere", verified=True))
    asyncio.run(EngineApi(place).close())


def test_the_program_itself_is_understood(tmp_path: Path) -> None:
    """Contexts that `docker` made and chose are found, with the folder that it put their certificates in."""
    docker = shutil.which("docker")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    environ = {**kept, "DOCKER_CONFIG": str(tmp_path / "config")}
    if docker is None or subprocess.run([docker, "context", "ls"], env=environ, check=False).returncode:
        pytest.skip("there is no docker with contexts, so nothing has said where its engine is")
    (tmp_path / "config").mkdir(exist_ok=True)
    certificates = Authority().issue(tmp_path / "made")
    files = ",".join(f"{name}={certificates / name}.pem" for name in ("ca", "cert", "key"))
    for name, endpoint in (("near", "host=unix:///near.sock"), ("far", f"host=tcp://far:2376,{files}")):
        command = [docker, "context", "create", name, "--docker", endpoint]
        subprocess.run(command, env=environ, check=True, capture_output=True)
    assert find_engine(environ) == Place(SOCKET)
    subprocess.run([docker, "context", "use", "near"], env=environ, check=True, capture_output=True)
    assert find_engine(environ) == Place("unix:///near.sock", None, "near")
    found = find_engine({**environ, "DOCKER_CONTEXT": "far"})
    assert (found.host, found.context) == ("tcp://far:2376", "far")
    assert found.tls is not None
    assert (found.tls.folder / "ca.pem").read_bytes() == (certificates / "ca.pem").read_bytes()
    assert found.tls.context().verify_mode is ssl.CERT_REQUIRED
