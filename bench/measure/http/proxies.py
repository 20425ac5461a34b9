"""Proxies that the environment declares: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""

import importlib.util
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.errors import ConfigError

_VARIABLES = {"http": "http_proxy", "https": "https_proxy", "all": "all_proxy"}
_SOCKS = frozenset({"socks5", "socks5h"})
_SCHEMES = _SOCKS | {"http", "https"}
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of a program, and the hosts that it reaches without them."""

    by_scheme: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Address of the proxy for `http` and `https`, and for `all`. It may contain a password."""
    exceptions: tuple[str, ...] = ()
    """Hosts, domains and networks that need no proxy; `*` stands for all."""

    def find(self, url: str) -> str | None:
        """Return the address of the proxy for a URL; `None` if the URL needs none."""
        parts = urlsplit(url)
        proxy = self.by_scheme.get(parts.scheme) or self.by_scheme.get("all")
        host = (parts.hostname or "").rstrip(".")
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        if proxy is None or any(_matches(entry, host, port) for entry in self.exceptions):
            return None
        return proxy


def read_proxies(environ: Mapping[str, str]) -> Proxies:
    """Return the proxies that the environment declares. Names in lower case have priority.

    Raises:
        ConfigError: The address of a proxy is wrong, or needs a package that is not installed.
    """
    by_scheme = {}
    for scheme, variable in _VARIABLES.items():
        for name in (variable, variable.upper()):
            if environ.get(name):
                by_scheme[scheme] = _check_proxy(name, environ[name])
                break
    exceptions = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    entries = [entry.strip().lower() for entry in exceptions.split(",")]
    return Proxies(by_scheme, tuple(entry for entry in entries if entry))


def _check_proxy(variable: str, text: str) -> str:
    """Return the URL of a proxy. Messages omit it, because it may contain a password."""
    url = text if "://" in text else f"http://{text}"
    hint = f"write {variable}=http://proxy.example:3128, or unset {variable}"
    try:
        parts = urlsplit(url)
        is_valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ConfigError(f"{variable} is not the address of a proxy", hint) from None
    if not is_valid or parts.scheme not in _SCHEMES:
        raise ConfigError(f"{variable} is not the address of a proxy", hint)
    if parts.scheme in _SOCKS and importlib.util.find_spec("socksio") is None:
        raise ConfigError(
            f"{variable} is a SOCKS proxy, which needs the package socksio",
            f"pip install socksio, or unset {variable}",
        )
    return url


def _matches(entry: str, host: str, port: int | None) -> bool:
    """Return whether an entry of NO_PROXY covers a host: `*`, `10.0.0.0/8`, `[::1]:80`, `.example.com`."""
    name, entry_port = _split_port(entry)
    if entry_port and entry_port != str(port):
        return False
    if name == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
    except ValueError:
        domain = name.removeprefix("*").removeprefix(".")
        return host == domain or host.endswith(f".{domain}")


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, after = entry[1:].partition("]")
        return name, after.removeprefix(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""
