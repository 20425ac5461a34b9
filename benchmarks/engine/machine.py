"""Machine and versions of a measurement."""

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from .peers import peers_versions


def machine() -> dict[str, str]:
    """Return the facts about the machine by name."""
    processor = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    threads = os.cpu_count()
    versions = {name: f"{name} {number}" for name, number in peers_versions().items()}
    ours = ", ".join(f"{name} {version(name)}" for name in ("uvloop", "httptools"))
    return {
        "processor": f"{processor[1] if processor else 'unknown'}, {threads} cores",
        "system": f"Linux {platform.release().split('-')[0]}, {' '.join(platform.libc_ver())}",
        "ours": f"Python {platform.python_version()}, {ours}",
        "peers": ", ".join([*versions.values(), *_tools()]),
    }


def _tools() -> list[str]:
    """Return the Debian packages of the installed tools."""
    tools = [tool for tool in ("hey", "wrk") if shutil.which(tool)]
    if not tools or shutil.which("dpkg-query") is None:
        return tools
    query = ["dpkg-query", "--show", "--showformat=${Package} ${Version}\n", *tools]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout.splitlines() or tools
