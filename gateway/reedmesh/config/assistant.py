"""Settings of the assistant, which answers questions in plain language."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from reedmesh.config.checks import LANGUAGES, TIME, is_loopback


@dataclass(frozen=True)
class Assistant:
    """Questions in plain language. Without `url` and `model`, only tables of phrases understand them."""

    language: str = "en"  # of answers, where a question does not show its language: en, pt, fr, de, es
    shifts: tuple[str, ...] = ("06:00", "14:00", "22:00")  # when they begin, in the gateway's local time
    url: str = (
        ""  # of a server with OpenAI's API, such as "http://127.0.0.1:8080/v1": for questions that no table knows
    )
    name: str = ""  # of the model that the server is asked for
    ca: str = ""  # file of the authority that an https server must show; not set: the system's
    model: str = ""  # path of a .gguf file instead of a server; needs reedmesh[assistant]
    sha256: str = ""  # of that file, 64 digits; set: no other is loaded
    memory: int = field(default=2048, metadata={"min": 128, "max": 65536})  # MB that its process may use
    seconds: float = field(default=30.0, metadata={"min": 0.1, "max": 600.0})  # that an answer may take


def assistant_faults(wanted: Assistant) -> list[str]:
    """Contradictions in `[assistant]`, one sentence each."""
    faults, place = [], urlsplit(wanted.url)
    if wanted.language not in LANGUAGES:
        faults.append(f'assistant.language = "{wanted.language}": one of {", ".join(LANGUAGES)}')
    if not wanted.shifts or not all(re.fullmatch(TIME, each) for each in wanted.shifts):
        faults.append('assistant.shifts: one or more times such as "06:00"')
    if wanted.url and wanted.model:
        faults.append("assistant.url and assistant.model: one of them chooses, not both")
    if wanted.url and (place.scheme not in ("http", "https") or not place.hostname):
        faults.append(f'assistant.url = "{wanted.url}": http://HOST:PORT/v1 or https://HOST/v1')
    elif place.scheme == "http" and not is_loopback(place.hostname or ""):
        faults.append(f'assistant.url = "{wanted.url}": questions leave this machine only by https')
    if not re.fullmatch("([0-9a-f]{64})?", wanted.sha256):
        faults.append("assistant.sha256: 64 of 0-9 a-f, as `sha256sum` prints them")
    return faults
