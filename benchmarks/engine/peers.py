"""Install the peers once, each in its own folder, and find their programs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

_PEERS = Path(__file__).with_name("peers.txt")
# Programs that this script does not install, with the option that prints the version.
_FROM_PATH = {"hey": None, "wrk": None, "k6": "version", "oha": "--version"}
_UV = str(Path(sys.executable).with_name("uv"))
Say = Callable[[str], None]


def install_peers(folder: Path, say: Say) -> dict[str, Path]:
    """Return the programs of all peers by name; report each peer that cannot be installed.

    Args:
        folder: Folder for environments and programs.
        say: Prints a line.
    """
    programs = {name: Path(path) for name in _FROM_PATH if (path := shutil.which(name))}
    for how, package, name in _wanted():
        program = _program(folder, how, name)
        try:
            if not program.exists():
                say(f"installing {package}")
                _INSTALL[how](folder, package, name)
            programs[name] = program
        except (OSError, subprocess.CalledProcessError) as error:
            say(f"{name} takes no part: {error}")
    for name in _FROM_PATH:
        if name not in programs:
            say(f"{name} takes no part: it is not on your PATH")
    return programs


def peer_versions(programs: dict[str, Path]) -> list[str]:
    """Return name and version of each installed peer."""
    versions = [f"{name} {_version(package)}" for _, package, name in _wanted() if name in programs]
    for name, option in _FROM_PATH.items():
        if name in programs:
            versions.append(f"{name} {_printed_version(name, option)}".strip())
    return versions


def _printed_version(name: str, option: str | None) -> str:
    """Return what the program prints, or the version of its Debian package."""
    query = ["dpkg-query", "--show", "--showformat=${Version}", name]
    try:
        done = subprocess.run(
            [name, option] if option else query, capture_output=True, text=True, check=False
        )
    except OSError:  # no Debian
        return ""
    words = done.stdout.removeprefix(name).split()
    return words[0] if words else ""


def _wanted() -> Iterator[tuple[str, str, str]]:
    """Yield how to install, the package with its version, and the program."""
    for line in _PEERS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            how, package = line.split()
            yield how, package, "vegeta" if how == "go" else package.split("==")[0]


def _version(package: str) -> str:
    return package.replace("@", "==").split("==")[1]


def _program(folder: Path, how: str, name: str) -> Path:
    return folder / "go" / name if how == "go" else folder / name / "bin" / name


def _install_python(folder: Path, package: str, name: str) -> None:
    home = folder / name
    subprocess.run([_UV, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True)
    python = str(home / "bin" / "python")
    subprocess.run([_UV, "pip", "install", "--quiet", "--python", python, package], check=True)


def _install_go(folder: Path, package: str, _: str) -> None:
    subprocess.run(["go", "install", package], check=True, env={**os.environ, "GOBIN": str(folder / "go")})


_INSTALL = {"python": _install_python, "go": _install_go}
