"""The variables of the caller's environment that processes of `bench` get without a declaration.

All others stay outside: a shell must not change a result, and a process must not know the secrets of others.
"""

from collections.abc import Mapping

from bench.core.config.secret_names import SECRET_NAME

_NAMES = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH", "VIRTUAL_ENV"})
_PREFIXES = ("LC_", "PYTHON", "COVERAGE_")
# Certificates that TLS connections trust, and the threads of numpy's libraries.
_OF_LOAD = frozenset(
    {"SSL_CERT_FILE", "SSL_CERT_DIR", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}
)


def inherit_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a service gets."""
    return {name: value for name, value in environ.items() if _is_inherited(name)}


def is_inherited_by_load(name: str) -> bool:
    """Return whether a load generator gets a variable that no file declares."""
    return name in _OF_LOAD or _is_inherited(name)


def inherit_for_load(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a load generator gets before it knows its load."""
    return {name: value for name, value in environ.items() if is_inherited_by_load(name)}


def _is_inherited(name: str) -> bool:
    return name in _NAMES or (name.startswith(_PREFIXES) and not SECRET_NAME.search(name))
