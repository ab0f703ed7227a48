"""The certificate that whoever comes to our broker by TLS must know: our own, or that of the authority behind it."""

from pathlib import Path

from reedmesh.config.settings import Config
from reedmesh.errors import ConfigError
from reedmesh.identity import certificates


def path(settings: Config) -> Path:
    """Where it is; raises ConfigError where we do not have it."""
    own = server(settings)
    made = certificates.read(own)
    if made.issuer == made.subject:
        return own
    if settings.broker.ca:
        return Path(settings.broker.ca)
    raise ConfigError(f'{own}: issued by an authority: set "ca" in [broker] to the path of its ca.crt')


def pem(settings: Config) -> str:
    """Its text; "" where the broker has no TLS for others. Raises ConfigError."""
    return path(settings).read_text() if settings.broker.tls_port else ""


def server(settings: Config) -> Path:
    """The certificate that the broker itself shows."""
    return Path(settings.state) / certificates.FOLDER / "server.crt"
