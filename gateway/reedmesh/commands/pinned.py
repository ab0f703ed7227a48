"""A broker that is known by the SHA-256 of the one certificate it must show."""

import hashlib
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reedmesh.errors import ConfigError

SECONDS = 10.0  # that a connection may take


def shown(host: str, port: int, name: str, ca: str = "") -> bytes:
    """The certificate, DER, that the broker of the gateway `name` shows; raises ConfigError where none can be had.

    ca: file of the authority that it must be of, "" for any.
    """
    context = ssl.create_default_context(cafile=ca) if ca else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a certificate of an authority may be pinned by itself
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # who asks compares it with what it knows
    try:
        with (
            socket.create_connection((host, port), SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as link,
        ):
            return link.getpeercert(binary_form=True) or b""
    except OSError as error:
        raise ConfigError(f"{host}:{port}: {error}: can this machine reach {name}?") from error


@contextmanager
def file_of(host: str, port: int, name: str, fingerprint: bytes | None) -> Iterator[Path | None]:
    """A file with the certificate that the broker shows, which has this SHA-256; None where it has no TLS."""
    if not fingerprint:
        yield None
        return
    found = shown(host, port, name)
    if hashlib.sha256(found).digest() != fingerprint:
        raise ConfigError(
            f"{host}:{port}: shows another certificate than {name} had: somebody is in between, or it is new"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shown.crt"
        path.write_text(ssl.DER_cert_to_PEM_cert(found))
        yield path
