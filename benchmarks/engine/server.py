"""Compile the programs in C and run the server."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER = "server"
CLIENT = "client"


def compiled(folder: Path, name: str) -> Path:
    """Compile a C file of this folder and return its program.

    Raises:
        subprocess.CalledProcessError: gcc has said why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    source = Path(__file__).with_name(f"{name}.c")
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(source)], check=True)
    return program


@contextmanager
def serving(program: Path) -> Iterator[int]:
    """Run the server on this process's cores during a block; yield its port."""
    command = [str(program)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None  # noqa: S101 - it was asked for
        assert process.stdout is not None  # noqa: S101 - likewise
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()  # it ends with its stdin, so it outlives nobody
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
