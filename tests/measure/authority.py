"""An authority that lives as long as a test, and certificates of it as Docker's own recipe makes them."""

import datetime as dt
import ipaddress
from pathlib import Path

import pytest

pytest.importorskip("cryptography", reason="makes the certificates")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_PLAIN = serialization.NoEncryption()


class Authority:
    """Signs certificates; its own is what others trust."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("authority")
        constraint = x509.BasicConstraints(ca=True, path_length=None)
        made = _builder(self._name, self._name, self._key).add_extension(constraint, critical=True)
        self._calibration = made.sign(self._key, hashes.SHA256())

    def issue(
        self, folder: Path, trusted: "Authority | None" = None, passphrase: bytes | None = None
    ) -> Path:
        """Write `cert.pem` and `key.pem` for 127.0.0.1, and `ca.pem` of whom they trust: us, if no other.

        It has no identifier of the authority's key, for Docker's recipe does not ask for one.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        where = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        made = _builder(_named("somebody"), self._name, key)
        signed = made.add_extension(where, critical=False).add_extension(usage, critical=False)
        calibration = signed.sign(self._key, hashes.SHA256())
        kept = serialization.BestAvailableEncryption(passphrase) if passphrase else _PLAIN
        folder.mkdir(parents=True)
        pem = serialization.Encoding.PEM
        (folder / "ca.pem").write_bytes((trusted or self)._calibration.public_bytes(pem))
        (folder / "cert.pem").write_bytes(calibration.public_bytes(pem))
        (folder / "key.pem").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, kept)
        )
        return folder


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )
