"""Certificates of brokers: a small authority of the site's own, or one certificate that is pinned as it stands.

P-256, because a sensor's mbedTLS has no X25519 or Ed25519. Whoever holds `ca.key` can be any broker: it belongs on a
stick in a drawer, not on a gateway.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reedmesh import atomic_file
from reedmesh.errors import ConfigError

FOLDER = "pki"  # in the state directory: what `issue` made
CA_DAYS, DAYS = 3650, 825
HOUR = timedelta(hours=1)  # that a sensor's clock may be behind
EARLIEST = datetime(2026, 11, 30, tzinfo=UTC)  # this was written then: a clock that says less is wrong


def make_ca(folder: Path, site: str) -> x509.Certificate:
    """Make an authority in `folder`, `ca.crt` and `ca.key`; raises ConfigError if there is one."""
    key = generate_private_key(SECP256R1())
    name = _name(f"reedmesh {site}")
    draft = _draft(name, name, key, CA_DAYS).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = draft.add_extension(_usage(ca=True), critical=True).sign(key, hashes.SHA256())
    _write(folder / "ca.key", _pem_key(key), private=True)
    _write(folder / "ca.crt", _pem(made))
    return made


def issue(folder: Path, hosts: Sequence[str], authority: Path | None, days: int = DAYS) -> x509.Certificate:
    """Make `server.crt` and `server.key` in `folder` for a broker that is reached as `hosts`, names or addresses.

    authority: the folder of `make_ca`; None: the certificate signs itself, and is what others pin. Replaces what was
    there. Raises ConfigError, also when this machine's clock cannot be right: sensors would refuse the certificate.
    """
    if (now := datetime.now(UTC)) < EARLIEST:
        raise ConfigError(
            f"the clock says {now:%Y-%m-%d}, this program is of {EARLIEST:%Y-%m-%d}: timedatectl set-ntp true"
        )
    key = generate_private_key(SECP256R1())
    subject = _name(hosts[0])
    issuer, signer = (subject, key) if authority is None else _authority(authority)
    draft = _draft(subject, issuer, key, days, signer)
    draft = draft.add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
    draft = draft.add_extension(x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False)
    draft = draft.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    made = draft.add_extension(_usage(ca=authority is None), critical=True).sign(signer, hashes.SHA256())
    for leaf in ("server.key", "server.crt"):
        (folder / leaf).unlink(missing_ok=True)
    _write(folder / "server.key", _pem_key(key), private=True)
    _write(folder / "server.crt", _pem(made))
    return made


def read(path: Path) -> x509.Certificate:
    """The certificate in a PEM file; raises ConfigError."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; `reedmesh pki` makes certificates") from error
    except ValueError as error:
        raise ConfigError(f"{path}: no certificate in PEM: {error}") from error


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, as browsers and openssl show it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _authority(folder: Path) -> tuple[x509.Name, EllipticCurvePrivateKey]:
    certificate = read(folder / "ca.crt")
    try:
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{folder / 'ca.key'}: {error}") from error
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ConfigError(f"{folder / 'ca.key'}: not a key that `reedmesh pki ca` made")
    if key.public_key() != certificate.public_key():
        raise ConfigError(f"{folder}: ca.key is not the key of ca.crt")
    return certificate.subject, key


def _draft(
    subject: x509.Name,
    issuer: x509.Name,
    key: EllipticCurvePrivateKey,
    days: int,
    signer: EllipticCurvePrivateKey | None = None,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    draft = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    draft = draft.serial_number(x509.random_serial_number())
    draft = draft.not_valid_before(now - HOUR).not_valid_after(now + timedelta(days=days))
    draft = draft.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    theirs = x509.AuthorityKeyIdentifier.from_issuer_public_key((signer or key).public_key())
    return draft.add_extension(theirs, critical=False)


def _usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _write(path: Path, data: bytes, private: bool = False) -> None:
    try:
        atomic_file.make(path, data, 0o600 if private else 0o644)
    except FileExistsError as error:
        raise ConfigError(f"{path} exists: choose another folder, or take it away first") from error
