from pathlib import Path

import pytest

from bench.errors import ConfigError
from bench.measure.cluster.access import CERTIFICATES_VARIABLE, find_access, is_scheduler


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("dask://10.0.0.5:8786", "tcp://10.0.0.5:8786"),
        ("dask://lab", "tcp://lab:8786"),
        ("dask://[::1]:9000", "tcp://[::1]:9000"),
    ],
)
def test_an_address_names_host_and_port(text: str, address: str) -> None:
    """The port of Dask is the default, and IPv6 keeps its brackets."""
    access = find_access(text, environ={})
    assert access.address == address
    assert access.make_security() is None
    assert find_access(str(access), environ={}) == access
    assert is_scheduler(text)


@pytest.mark.parametrize(
    "text", ["10.0.0.5:8786", "tcp://10.0.0.5:8786", "dask://", "dask://lab:x", "dask://a/b", "dask://u@a"]
)
def test_another_text_is_refused_with_an_example(text: str) -> None:
    """Nothing is guessed from an address of another kind."""
    with pytest.raises(ConfigError) as caught:
        find_access(text, environ={})
    assert caught.value.hint == "dask://10.0.0.5:8786"


def test_certificates_encrypt_the_connection(tmp_path: Path) -> None:
    """The option, or else the variable, names the folder; a missing file is an early error."""
    with pytest.raises(ConfigError, match="is missing"):
        find_access("dask://lab", environ={CERTIFICATES_VARIABLE: str(tmp_path)})
    for name in ("certificate.pem", "key.pem"):
        (tmp_path / name).touch()
    assert find_access("dask://lab", environ={CERTIFICATES_VARIABLE: str(tmp_path)}).address.startswith("tls")
    assert find_access("dask://lab", tmp_path, {}).address == "tls://lab:8786"
