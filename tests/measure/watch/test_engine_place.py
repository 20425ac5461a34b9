import json
import os
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.measure.watch.engine_place import SOCKET, Place, Tls, find_engine
from tests.measure.fake_docker import FakeDocker, install

ASKS = "context inspect --format {{json .}}"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """The program, which says what a test wants."""
    return install(tmp_path, monkeypatch)


def _context(name: str, host: str, *files: str, skip: bool = False) -> tuple[int, str, str]:
    """What the program says of its current context."""
    endpoint = {"Host": host, "SkipTLSVerify": skip}
    content: dict[str, Any] = {"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}
    content["TLSMaterial"] = {"docker": files} if files else {}
    content["Storage"] = {"MetadataPath": f"/meta/{name}", "TLSPath": f"/tls/{name}"}
    return 0, json.dumps(content), ""


def _environ(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    return {**kept, "DOCKER_FAKE": os.environ.get("DOCKER_FAKE", ""), **changes}


def test_docker_host_is_before_all_contexts(fake: FakeDocker) -> None:
    """Where it is set nothing else counts, as for the program, which is then not asked at all."""
    fake.said = {ASKS: _context("colima", "unix:///colima.sock")}
    fake.write()
    found = find_engine(_environ(DOCKER_HOST="tcp://far:2375", DOCKER_CONTEXT="colima"))
    assert found == Place("tcp://far:2375")
    assert fake.calls == []


@pytest.mark.parametrize(
    ("said", "place"),
    [
        (_context("colima", "unix:///colima.sock"), Place("unix:///colima.sock", None, "colima")),
        (_context("default", "unix:///run/user/1/docker.sock"), Place("unix:///run/user/1/docker.sock")),
        (_context("default", ""), Place(SOCKET)),
        (
            _context("far", "tcp://far:2376", "ca.pem", "cert.pem", "key.pem"),
            Place("tcp://far:2376", Tls(Path("/tls/far/docker"), verified=True), "far"),
        ),
        (
            _context("far", "tcp://far:2376", skip=True),
            Place("tcp://far:2376", Tls(Path("/tls/far/docker"), verified=False), "far"),
        ),
        ((1, "", "docker: 'context' is not a docker command."), Place(SOCKET)),
    ],
)
def test_a_context_is_what_the_program_says(
    fake: FakeDocker, said: tuple[int, str, str], place: Place
) -> None:
    """Its address and its certificates; a program that knows no contexts has the socket of this machine."""
    fake.said = {ASKS: said}
    fake.write()
    assert find_engine(_environ()) == place


@pytest.mark.parametrize(
    ("environ", "tls"),
    [
        ({}, None),
        ({"DOCKER_CERT_PATH": "/certs"}, None),
        ({"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}, Tls(Path("/certs"), verified=True)),
        ({"DOCKER_TLS_VERIFY": "1", "DOCKER_CONFIG": "/config"}, Tls(Path("/config"), verified=True)),
        ({"DOCKER_TLS": "1"}, Tls(Path.home() / ".docker", verified=False)),
    ],
)
def test_tls_of_the_environment(fake: FakeDocker, environ: dict[str, str], tls: Tls | None) -> None:
    """It holds for DOCKER_HOST and for the default context, and for no other, which has its own."""
    assert find_engine(_environ(DOCKER_HOST="tcp://far:2376", **environ)) == Place("tcp://far:2376", tls)
    for name, expected in (("default", tls), ("far", None)):
        fake.said = {ASKS: _context(name, "tcp://far:2376")}
        fake.write()
        assert find_engine(_environ(**environ)).tls == expected


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ((1, "", 'context "gone": context not found: open meta.json: no such file'), 'context "gone"'),
        ((0, "[]", ""), "something else"),
        ((0, "", ""), "something else"),
    ],
)
def test_a_context_that_is_none_is_told(fake: FakeDocker, said: tuple[int, str, str], words: str) -> None:
    """Another engine than the one that was asked for would say that all containers are gone."""
    fake.said = {ASKS: said}
    fake.write()
    with pytest.raises(BenchError, match=words):
        find_engine(_environ(DOCKER_CONTEXT="gone"))
