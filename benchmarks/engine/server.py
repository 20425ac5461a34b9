"""Compile the programs in C and run the server."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .journal import Journal

SERVER = Path(__file__).with_name("server.c")
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Server:
    """A running server in C."""

    port: int
    tls_port: int
    journal: Journal
    tls_file: Path
    pid: int

    def url(self, *, tls: bool = False) -> str:
        """Return the address without a path."""
        return f"https://{HOST}:{self.tls_port}" if tls else f"http://{HOST}:{self.port}"


def compiled(folder: Path, source: Path) -> Path:
    """Compile a C file and return its program.

    Raises:
        subprocess.CalledProcessError: gcc printed the reason.
    """
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / source.stem
    libraries = ["-lssl", "-lcrypto"] if source == SERVER else []
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(source), *libraries]
    subprocess.run(command, check=True)
    return program


@contextmanager
def serving(folder: Path, core: int) -> Iterator[Server]:
    """Run the server on one core during a block.

    Raises:
        subprocess.CalledProcessError: A program is missing, or the server does not compile.
    """
    program = compiled(folder, SERVER)
    tls_file = folder / "certificate.pem"
    key = folder / "key.pem"
    _make_tls_files(tls_file, key)
    path = folder / "journal"
    command = ["taskset", "-c", str(core), str(program), str(path), str(tls_file), str(key)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None  # noqa: S101 - it was asked for
        assert process.stdout is not None  # noqa: S101 - likewise
        try:
            port = int(process.stdout.readline())
            tls_port = int(process.stdout.readline())
            with Journal(path) as journal:
                yield Server(port, tls_port, journal, tls_file, process.pid)
        finally:
            process.stdin.close()  # the server ends with its stdin
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _make_tls_files(tls_file: Path, key: Path) -> None:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=IP:{HOST}"]
    files = ["-keyout", str(key), "-out", str(tls_file)]
    subprocess.run(["openssl", "req", "-x509", *curve, *names, *files], check=True, capture_output=True)
