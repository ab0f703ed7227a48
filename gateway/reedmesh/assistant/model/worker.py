"""The process that holds a model, or speaks to a server that does: a line of JSON in, a line of JSON out.

    python -m reedmesh.assistant.model.worker
    < {"url": "http://127.0.0.1:8080/v1", "seconds": 30} or {"model": "/path/file.gguf", "threads": 1, "memory": 2048}
    > {"ready": "file.gguf", "sha256": "..."}
    < {"messages": [...], ...}                       a chat completion, as OpenAI's API has it
    > {"text": "..."} or {"error": "..."}

It runs at the lowest priority. Whoever started it ends it when an answer takes too long; when its input ends, it ends.
"""

import hashlib
import http.client
import json
import os
import resource
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

NICENESS = 19
MOST_ANSWER = 1 << 16  # bytes of a server's answer
MAGIC = b"GGUF"  # the first bytes of a model file
CONTEXT = 4096  # tokens of a question with all that goes with it: fifty long names of sensors, too
MB = 1 << 20
# What a library or a server may do to an answer; anything else ends this process, and the asker is told that.
FAULTS = (OSError, ValueError, RuntimeError, LookupError, TypeError, http.client.HTTPException)

Complete = Callable[[dict[str, Any]], Any]


class ModelFileError(ValueError):
    """The model cannot be used; the text says which and why."""


def main() -> None:
    """Load, then answer a line for each line."""
    out = os.fdopen(os.dup(1), "w", buffering=1)  # what a library prints must not come between
    os.dup2(2, 1)
    os.nice(NICENESS)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    wanted = json.loads(sys.stdin.readline())
    try:
        complete, about = _from_url(wanted) if wanted.get("url") else _from_file(wanted)
    except (ModelFileError, OSError, ImportError) as error:
        print(json.dumps({"error": _short(error)}), file=out)
        return
    print(json.dumps(about), file=out)
    for line in sys.stdin:
        print(json.dumps(_answered(complete, json.loads(line))), file=out)


def _answered(complete: Complete, body: dict[str, Any]) -> dict[str, str]:
    """The text of a completion, or what went wrong with it."""
    try:
        told = complete(body)
        if "choices" not in told:
            return {"error": _short(told.get("error", "an answer without choices"))}
        return {"text": str(told["choices"][0]["message"]["content"])}
    except FAULTS as error:
        return {"error": _short(error)}


def _from_file(wanted: dict[str, Any]) -> tuple[Complete, dict[str, str]]:
    """A model file in this process, with llama.cpp; checked before it is loaded."""
    path = Path(wanted["model"])
    digest = _checked(path, wanted.get("sha256", ""), wanted["memory"])
    import xllamacpp  # of the extra `assistant`

    size = wanted["memory"] * MB
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.n_ctx, settings.n_parallel = str(path), CONTEXT, 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = wanted["threads"]
    settings.warmup = False
    server = xllamacpp.Server(settings)

    def complete(body: dict[str, Any]) -> Any:
        told = server.handle_chat_completions({**body, "cache_prompt": True})
        return json.loads(told) if isinstance(told, str | bytes) else told

    return complete, {"ready": path.name, "sha256": digest}


def _checked(path: Path, wanted: str, memory: int) -> str:
    """The file's SHA-256; raises ModelFileError when it is no model, too large, or not the one that is wanted."""
    size = path.stat().st_size
    if size > memory * MB:
        raise ModelFileError(f"{path}: {size // MB} MB, more than [assistant] memory = {memory}")
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ModelFileError(f"{path}: no GGUF file")
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if wanted and digest != wanted:
        raise ModelFileError(f"{path}: SHA-256 {digest}, and [assistant] sha256 is another")
    return digest


def _from_url(wanted: dict[str, Any]) -> tuple[Complete, dict[str, str]]:
    """A server that speaks OpenAI's API. No redirect is followed, no proxy is used, and the answer is bounded."""
    place = urlsplit(wanted["url"])
    path = f"{place.path.rstrip('/')}/chat/completions"

    def complete(body: dict[str, Any]) -> Any:
        link = _link(place.scheme, place.hostname or "", place.port, wanted)
        try:
            text = json.dumps({**body, "model": wanted.get("name") or "default"})
            link.request("POST", path, text, {"Content-Type": "application/json"})
            said = link.getresponse()
            payload = said.read(MOST_ANSWER + 1)
        finally:
            link.close()
        if said.status != http.client.OK or len(payload) > MOST_ANSWER:
            raise ModelFileError(f"{wanted['url']}: status {said.status}, {len(payload)} bytes")
        return json.loads(payload)

    return complete, {"ready": wanted.get("name") or wanted["url"], "sha256": ""}


def _link(scheme: str, host: str, port: int | None, wanted: dict[str, Any]) -> http.client.HTTPConnection:
    if scheme == "https":
        trusted = ssl.create_default_context(cafile=wanted.get("ca") or None)
        return http.client.HTTPSConnection(host, port, timeout=wanted["seconds"], context=trusted)
    return http.client.HTTPConnection(host, port, timeout=wanted["seconds"])


def _short(error: object) -> str:
    return f"{error}"[:200] or type(error).__name__


if __name__ == "__main__":
    main()
