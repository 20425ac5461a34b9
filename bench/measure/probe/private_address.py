"""Refuse to probe an address that other people may own."""

import socket
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from bench.errors import ConfigError

# Loopback, and the private ranges of RFC 1918 and RFC 4193.
_PRIVATE = tuple(
    map(ip_network, ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)


def refuse_public(urls: Iterable[str], allowed: Collection[str]) -> None:
    """Check that each address is loopback or private, or that the user may probe its host.

    Args:
        urls: The addresses.
        allowed: Hosts that belong to the user, or whose owner permits the probes.

    Raises:
        ConfigError: An address is public or not known, and is not allowed.
    """
    for url in urls:
        host = urlsplit(url).hostname or ""
        if host in allowed:
            continue
        for address in _resolve(host):
            if not is_private(address):
                raise ConfigError(
                    f"{host} is not an address of this machine or of a private network ({address})",
                    f"probe only services that you own or may test; if you may: --allow {host}",
                )


def is_private(address: str) -> bool:
    """Return whether an address is loopback or in a private network."""
    number: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(number, IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped
    return any(number.version == network.version and number in network for network in _PRIVATE)


def _resolve(host: str) -> list[str]:
    try:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"the host '{host}' has no address", "check --url") from error
    return [str(entry[4][0]) for entry in entries]
