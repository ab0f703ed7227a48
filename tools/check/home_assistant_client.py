"""A Home Assistant with MQTT only, in its own environment: prints its entities for each line of input.

    .venv-home-assistant/bin/python tools/check/home_assistant_client.py FOLDER PORT WEB_PORT

Answers a line of JSON: {"states": {entity: [state, attributes]}, "devices": {name: {..}}}: for
tools/check/home_assistant.py.
"""

import asyncio
import json
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Any

from homeassistant import bootstrap, config_entries, core, loader
from homeassistant.helpers import device_registry


async def start(folder: Path, port: int, web_port: int) -> core.HomeAssistant:
    """A Home Assistant whose MQTT integration was set up by hand, as its dialogue would."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "configuration.yaml").write_text("")
    hass = core.HomeAssistant(str(folder))
    loader.async_setup(hass)
    hass.config.skip_pip = True  # everything is here, and nothing is downloaded
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    web = {"server_host": "127.0.0.1", "server_port": web_port}  # a dependency of MQTT's
    if not await bootstrap.async_from_config_dict({"homeassistant": {}, "http": web}, hass):
        raise SystemExit("Home Assistant did not start")
    await hass.async_start()
    entry = config_entries.ConfigEntry(
        data={"broker": "127.0.0.1", "port": port},
        discovery_keys=MappingProxyType({}),
        domain="mqtt",
        entry_id="mqtt",
        minor_version=2,
        options={},
        source="user",
        subentries_data=None,
        title="mqtt",
        unique_id=None,
        version=1,
    )
    await hass.config_entries.async_add(entry)
    return hass


def look(hass: core.HomeAssistant) -> dict[str, Any]:
    """The entities that it shows."""
    states = {each.entity_id: [each.state, dict(each.attributes)] for each in hass.states.async_all()}
    registry = device_registry.async_get(hass)
    devices = {}
    for each in registry.devices.values():
        via = registry.async_get(each.via_device_id) if each.via_device_id else None
        devices[each.name] = {"model": each.model, "version": each.sw_version, "via": via and via.name}
    return {"states": states, "devices": devices}


async def main(folder: Path, port: int, web_port: int) -> None:
    """Until standard input ends."""
    hass = await start(folder, port, web_port)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(look(hass), default=str), flush=True)
    await hass.async_stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
