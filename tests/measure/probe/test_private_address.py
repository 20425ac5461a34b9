"""Only services of this machine and of private networks are probed without a permission."""

import pytest

from bench.errors import ConfigError
from bench.measure.probe.private_address import is_private, refuse_public


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "::1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1"],
)
def test_loopback_and_private_addresses(address: str) -> None:
    """They belong to the user, or to the user's network."""
    assert is_private(address)
    assert is_private("::ffff:10.1.2.3")


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "172.32.0.1",
        "192.169.0.1",
        "169.254.169.254",
        "0.0.0.0",  # noqa: S104 - no server listens there
        "100.64.0.1",
        "2001:db8::1",
        "fe80::1%eth0",
    ],
)
def test_all_other_addresses(address: str) -> None:
    """Also those of cloud metadata, carriers and links."""
    assert not is_private(address)
    assert not is_private("::ffff:8.8.8.8")


def test_a_public_address_needs_the_name_of_its_host() -> None:
    """The error asks for the permission, and a permission holds for one host only."""
    refuse_public(["http://127.0.0.1:3000", "http://[::1]:3000/v1"], ())
    refuse_public(["https://203.0.113.7/v1"], ["203.0.113.7"])
    with pytest.raises(ConfigError, match=r"203\.0\.113\.7 is not an address of this machine") as caught:
        refuse_public(["http://127.0.0.1:3000", "https://203.0.113.7/v1"], ["203.0.113.8"])
    assert caught.value.hint is not None
    assert "--allow 203.0.113.7" in caught.value.hint


def test_a_host_without_an_address_is_refused() -> None:
    """A typing error is not a service."""
    with pytest.raises(ConfigError, match="has no address"):
        refuse_public(["http://chat.invalid"], ())
