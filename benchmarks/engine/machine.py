"""Machine and versions of a measurement."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path


def machine() -> dict[str, str]:
    """Return the facts about the machine by name."""
    processor = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    threads = os.cpu_count()
    ours = ", ".join(f"{name} {version(name)}" for name in ("uvloop", "httptools"))
    return {
        "processor": f"{processor[1] if processor else 'unknown'}, {threads} cores",
        "system": f"Linux {platform.release().split('-')[0]}, {' '.join(platform.libc_ver())}",
        "ours": f"Python {platform.python_version()}, {ours}",
    }
