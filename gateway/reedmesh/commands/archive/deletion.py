"""`reedmesh archive consent | forget`: an object is deleted before its day, as n of m keys agree."""

import argparse
from pathlib import Path
from typing import Any

from reedmesh.archive import forgetting
from reedmesh.commands import ownership
from reedmesh.commands.client import ask
from reedmesh.config.settings import Config, load_config
from reedmesh.errors import ConfigError
from reedmesh.identity import keystore

PATIENCE = 60.0  # seconds


def consent(chosen: argparse.Namespace) -> None:
    """Print our signature under the deletion of an object, with the number of our key in its manifest."""
    settings = load_config(chosen.config)
    it = _found(settings, chosen.object)
    with ownership.as_owner(Path(settings.state)):
        key = keystore.load(Path(settings.state))
    if key.public.hex() not in it["keys"]:
        raise ConfigError(
            f"{it['label']!r} of {it['owner']}: this gateway's key is not among its {len(it['keys'])} keys"
        )
    signed = forgetting.signature(bytes.fromhex(it["id"]), key, settings.exchange.federation)
    print(f"{it['keys'].index(key.public.hex())}-{signed.hex()}")


def forget(chosen: argparse.Namespace) -> None:
    """Have all gateways delete an object; raises RefusedError unless enough have signed."""
    settings = load_config(chosen.config)
    it = _found(settings, chosen.object)
    try:
        parts = [line.strip().split("-") for line in chosen.lines]
        signatures = {int(number): bytes.fromhex(signed) for number, signed in parts}
        order = forgetting.pack(bytes.fromhex(it["id"]), signatures)
    except ValueError as error:
        raise ConfigError(f"{error}: copy the whole lines that `reedmesh archive consent` printed") from error
    ask(settings, "archive-forget", {"order": order.hex()}, PATIENCE)
    print(f"{it['label']!r} of {it['owner']} is deleted here; the other gateways follow as they hear of it")


def _found(settings: Config, text: str) -> dict[str, Any]:
    return ask(settings, "archive-object", {"object": text})
