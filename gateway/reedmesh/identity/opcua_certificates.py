"""Certificates of OPC UA applications: an application instance certificate for a gateway, or for a PLC that connects.

RSA with 2048 bits and SHA-256, which the security policy Basic256Sha256 asks for, and the application's URI among the
alternative names (OPC 10000-6, 6.2.2). Certificates of brokers are P-256, see `certificates.py`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reedmesh import atomic_file
from reedmesh.errors import ConfigError
from reedmesh.identity.certificates import DAYS, HOUR

BITS = 2048


def uri_of(gateway: str) -> str:
    """The application URI of a gateway's server; its certificate has the same."""
    return f"urn:reedmesh:{gateway}"


def issue(folder: Path, name: str, uri: str, hosts: Sequence[str] = (), days: int = DAYS) -> x509.Certificate:
    """Make `<name>.der`, the certificate, and `<name>.pem`, the private key, in `folder`.

    The certificate signs itself: the other side trusts it by a copy of the .der. Raises ConfigError where one of the
    files exists.
    """
    now, key = datetime.now(UTC), rsa.generate_private_key(65537, BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    named = [x509.UniformResourceIdentifier(uri), *(x509.DNSName(each) for each in hosts)]
    draft = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    draft = draft.serial_number(x509.random_serial_number())
    draft = draft.not_valid_before(now - HOUR).not_valid_after(now + timedelta(days=days))
    draft = draft.add_extension(x509.SubjectAlternativeName(named), critical=False)
    draft = draft.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    draft = draft.add_extension(x509.ExtendedKeyUsage(both), critical=False)
    draft = draft.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    made = draft.add_extension(_USAGE, critical=True).sign(key, hashes.SHA256())
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    _write(folder / f"{name}.pem", secret, 0o600)
    _write(folder / f"{name}.der", made.public_bytes(serialization.Encoding.DER), 0o644)
    return made


_USAGE = x509.KeyUsage(
    digital_signature=True, content_commitment=True, key_encipherment=True, data_encipherment=True,
    key_agreement=False, key_cert_sign=True, crl_sign=False, encipher_only=False, decipher_only=False,
)  # fmt: skip


def _write(path: Path, data: bytes, mode: int) -> None:
    try:
        atomic_file.make(path, data, mode)
    except FileExistsError as error:
        raise ConfigError(f"{path} exists: choose another folder, or take it away first") from error
