"""A certificate authority for a test. Its certificates are like those of Docker's own instructions."""

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
    """Signs certificates."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("authority")
        constraint = x509.BasicConstraints(ca=True, path_length=None)
        made = _builder(self._name, self._name, self._key).add_extension(constraint, critical=True)
        self._certificate = made.sign(self._key, hashes.SHA256())

    def issue(
        self, folder: Path, trusted: "Authority | None" = None, passphrase: bytes | None = None
    ) -> Path:
        """Write `cert.pem` and `key.pem` for 127.0.0.1, and `ca.pem` of the trusted authority.

        The certificate has no authority key identifier, because Docker's instructions do not request one.

        Args:
            folder: The folder to create.
            trusted: The authority in `ca.pem`; None for this one.
            passphrase: Encrypts the key; None for a plain key.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        made = _builder(_named("somebody"), self._name, key)
        signed = made.add_extension(address, critical=False).add_extension(usage, critical=False)
        certificate = signed.sign(self._key, hashes.SHA256())
        encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else _PLAIN
        folder.mkdir(parents=True)
        pem = serialization.Encoding.PEM
        (folder / "ca.pem").write_bytes((trusted or self)._certificate.public_bytes(pem))
        (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
        (folder / "key.pem").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, encryption)
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
