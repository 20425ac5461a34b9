"""A virtual environment for the other HTTP clients, created once."""

import subprocess
import sys
from pathlib import Path

_REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def clients_python(folder: Path) -> Path:
    """Return the environment's Python; create the environment if its requirements changed.

    Raises:
        subprocess.CalledProcessError: pip printed the reason.
    """
    python = folder / "bin" / "python"
    done = folder / "requirements.txt"
    wanted = _REQUIREMENTS.read_text(encoding="utf-8")
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(_REQUIREMENTS)]
        subprocess.run([str(python), *install], check=True)
        done.write_text(wanted, encoding="utf-8")
    return python


def clients_versions() -> dict[str, str]:
    """Return the version of each package."""
    lines = _REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {name: version.strip() for name, version in pairs}
