"""Checks of the language model of `[assistant]`: warnings only, because the tables answer without it."""

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

from reedmesh.commands.doctor.finding import Case, Finding, good, warning

MAGIC = b"GGUF"


def language_model(case: Case) -> Iterable[Finding]:
    """Whether its file is there and one, and whether what runs it is installed."""
    wanted = case.config.assistant.model
    if not wanted:
        return
    path = Path(wanted)
    if importlib.util.find_spec("xllamacpp") is None:
        yield warning("[assistant] model: xllamacpp is not installed", "pip install 'reedmesh[assistant]'")
    if not path.is_file() or not os.access(path, os.R_OK):
        yield warning(f"[assistant] model: {path} is not there, or not readable", "questions are answered without it")
        return
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            yield warning(f"[assistant] model: {path} is no GGUF file", "take one for llama.cpp, or leave model out")
        else:
            yield good(f"language model: {path.name}")
