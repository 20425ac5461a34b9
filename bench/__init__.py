"""Benchmarks a chat stack and judges the result.

The public names are imported when they are first used, so that `import bench` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.measure.http.httpx_transport import ExchangeTimes, Transport

__all__ = ["ExchangeTimes", "Transport"]

_MODULES = {
    "ExchangeTimes": "bench.measure.http.httpx_transport",
    "Transport": "bench.measure.http.httpx_transport",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
