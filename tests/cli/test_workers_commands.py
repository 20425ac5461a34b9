import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.core.config.inherited_variables import inherit_for_load
from bench.errors import Exit
from bench.measure.cluster.access import CERTIFICATES_VARIABLE, find_access
from bench.measure.cluster.dask_programs import worker_command, worker_environment
from bench.measure.cluster.local_cluster import ClusterOptions, declare_cluster
from bench.measure.cluster.worker_list import await_workers
from tests.command import Bench, command, environment

IMAGE = "registry.example.com/chatbench-workers:1.0"


@contextmanager
def _joined(address: str, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Call `bench workers join` on this machine."""
    process = subprocess.Popen(
        command("workers", "join", address, "--name", "another"),
        cwd=folder,
        env=environment(**{CERTIFICATES_VARIABLE: str(folder / "certificates"), "MY_TOKEN": "of-this-test"}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def test_load_generators_start_join_and_end(bench: Bench, tmp_path: Path) -> None:
    """All connections have TLS; another worker joins with the certificate, and ends with the scheduler."""
    folder = tmp_path / "certificates"
    assert bench("workers", "certificates", str(folder)).code == Exit.PASS
    assert folder.stat().st_mode & 0o077 == 0
    tls = ("--certificates", str(folder))
    try:
        up = bench("workers", "up", "--count", "1", "--port", "0", *tls)
        assert up.code == Exit.PASS, up.err
        address = up.out.strip()
        assert "bench workers down" in bench("workers", "up", *tls).err
        with _joined(address, tmp_path) as another:
            await_workers(find_access(address, folder), 2, timeout_s=300)
            listed = bench("workers", "list", address, *tls).out.splitlines()
            assert [line.split()[0] for line in listed[1:]] == ["another", listed[2].split()[0]]
            assert all(line.endswith("free") for line in listed[1:])
            assert bench("workers", "down").err == "2 programs ended\n"
            assert another.wait(300) == 0
        assert bench("workers", "list", address, *tls).code == Exit.TARGET
    finally:
        bench("workers", "down")


@pytest.mark.parametrize(
    "arguments", [("up", "--host", "10.0.0.5"), ("join", "dask://10.0.0.5:8786"), ("join", "dask://lab")]
)
def test_another_machine_needs_a_certificate(bench: Bench, arguments: tuple[str, ...]) -> None:
    """Without one, whoever reaches a port could run programs; nothing was started."""
    done = bench("workers", *arguments)
    assert done.code == Exit.USAGE
    assert "have no TLS" in done.err
    assert "--certificates" in done.err
    assert not Path(".bench").exists()


def test_a_key_is_never_written_into_a_repository_or_over_another_one(bench: Bench, tmp_path: Path) -> None:
    """A folder of a repository, and one with a certificate, are refused."""
    assert bench("workers", "certificates", "mine").code == Exit.PASS
    key = (tmp_path / "mine" / "key.pem").read_text()
    again = bench("workers", "certificates", "mine")
    assert (again.code, (tmp_path / "mine" / "key.pem").read_text()) == (Exit.USAGE, key)
    (tmp_path / ".git").mkdir()
    refused = bench("workers", "certificates", "deep/folder")
    assert refused.code == Exit.USAGE
    assert str(tmp_path) in refused.err
    assert not (tmp_path / "deep").exists()


def test_without_certificates_every_program_listens_on_loopback() -> None:
    """Dask's own default is every address of the machine, where it runs code for everybody."""
    for service in declare_cluster(ClusterOptions(count=2)).services.values():
        hosts = [
            after
            for option, after in zip(service.command, service.command[1:], strict=False)
            if option == "--host"
        ]
        assert hosts == ["127.0.0.1"]


def test_a_worker_is_a_load_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends one load at a time, is not ended for its memory, and gets no secret of its machine."""
    monkeypatch.setenv("MY_TOKEN", "of-this-test")
    monkeypatch.setenv("DASK_TEMPORARY_DIRECTORY", "/scratch")
    words = " ".join(worker_command(find_access("dask://127.0.0.1", environ={}), "w"))
    assert "--nthreads 1" in words
    assert "--memory-limit 0" in words
    assert "--no-nanny" in words
    variables = worker_environment()
    assert "MY_TOKEN" not in variables
    assert variables["DASK_TEMPORARY_DIRECTORY"] == "/scratch"
    assert inherit_for_load({"PATH": "/bin"}).items() <= worker_environment({"PATH": "/bin"}).items()


def _documents(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(part["kind"], part["metadata"]["name"]): part for part in yaml.safe_load_all(text)}


def test_a_manifest_has_a_scheduler_workers_and_a_closed_network(bench: Bench) -> None:
    """Only pods of the manifest reach each other, with TLS; no container is root or writes to its image."""
    done = bench("workers", "manifest", "--image", IMAGE, "--count", "7", "--cores", "2", "--memory", "800")
    documents = _documents(done.out)
    deployments = {name: part for (kind, name), part in documents.items() if kind == "Deployment"}
    assert {name: part["spec"]["replicas"] for name, part in deployments.items()} == {
        "bench-scheduler": 1,
        "bench-worker": 7,
        "bench": 1,
    }
    policy = documents["NetworkPolicy", "bench-workers"]["spec"]
    chosen = policy["podSelector"]["matchLabels"]
    assert policy["ingress"] == [{"from": [{"podSelector": {"matchLabels": chosen}}]}]
    for part in deployments.values():
        template = part["spec"]["template"]
        assert part["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
        assert chosen.items() <= template["metadata"]["labels"].items()
        (container,) = template["spec"]["containers"]
        assert container["image"] == IMAGE
        assert template["spec"]["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["limits"] == {"memory": "800Mi"}
    service = documents["Service", "bench-scheduler"]["spec"]
    assert service["selector"] == deployments["bench-scheduler"]["spec"]["template"]["metadata"]["labels"]
    join = deployments["bench-worker"]["spec"]["template"]["spec"]["containers"][0]["command"]
    assert join[:4] == ["bench", "workers", "join", "dask://bench-scheduler:8786"]
    assert "tls" in deployments["bench-scheduler"]["spec"]["template"]["spec"]["containers"][0]["command"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--certificates", "missing"), "certificate.pem is missing"),
        (("--host", "203.0.113.7", "--no-tls"), "--host 203.0.113.7 is not an IPv4 address of this machine"),
        (("--host", "no such host", "--no-tls"), "is not an IPv4 address"),
        (("--host", "0.0.0.0", "--no-tls"), "need one address"),  # noqa: S104 - it is refused
    ],
)
def test_a_cluster_that_cannot_work_is_not_started(
    bench: Bench, arguments: tuple[str, ...], problem: str
) -> None:
    """The error names the option, and no program was started."""
    done = bench("workers", "up", *arguments)
    assert done.code == Exit.USAGE
    assert problem in done.err
    assert not Path(".bench").exists()


@pytest.mark.parametrize("address", ["10.0.0.5:8786", "tcp://10.0.0.5:8786"])
def test_an_address_of_another_kind_is_refused(bench: Bench, address: str) -> None:
    """The hint shows an address."""
    done = bench("workers", "list", address)
    assert done.code == Exit.USAGE
    assert "hint: dask://" in done.err


def test_without_dask_the_error_names_the_package(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is optional."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = bench("workers", "list", "dask://127.0.0.1:1")
    assert done.code == Exit.USAGE
    assert "chatbench[cluster]" in done.err
