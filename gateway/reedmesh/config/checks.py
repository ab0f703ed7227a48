"""Constants and functions that the checks of several tables of settings share."""

SECRET = {"secret": True}  # metadata of a field that no page and no message shows
LANGUAGES = ("en", "pt", "fr", "de", "es")  # of alerts and answers; readers of other languages get the first
TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
NAME = "1 to 32 of a-z 0-9 _ -"
NO_TLS = 'reached without TLS: set "ca", or "plain" = true on a network nobody else is on'


def is_loopback(host: str) -> bool:
    """Whether a connection to `host` stays on this machine."""
    return host in ("localhost", "::1") or host.startswith("127.")
