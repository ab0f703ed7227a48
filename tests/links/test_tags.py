"""Whoever holds the end of a wire is not the sensor whose key she lacks."""

import pytest

from reedmesh.errors import ConfigError, WireError
from reedmesh.links.serial_link import Tags
from reedmesh.protocol.serial_message import pack_message

KEYS = {"press": b"key of press", "fan": b"key of fan"}


def said(sensor: str, key: bytes | None) -> tuple[str, bytes]:
    topic = f"reedmesh/gw/{sensor}/window"
    return topic, pack_message(topic, b"frame", 0, False, key)


def test_a_tag_must_be_of_the_key_of_the_sensor_it_names() -> None:
    tags = Tags(KEYS.get, needed=False)
    tags.check(*said("press", KEYS["press"]))
    for wrong in (said("press", KEYS["fan"]), (said("press", None)[0], said("fan", KEYS["fan"])[1])):
        with pytest.raises(WireError, match="not tagged with its key"):
            tags.check(*wrong)


def test_who_once_tagged_what_it_said_is_not_heard_without() -> None:
    tags = Tags(KEYS.get, needed=False)
    tags.check(*said("press", None))  # firmware from before there were tags
    tags.check(*said("press", KEYS["press"]))
    with pytest.raises(WireError, match="without the tag"):
        tags.check(*said("press", None))
    tags.check(*said("fan", None))


def test_where_tags_are_needed_nobody_is_heard_without_a_key() -> None:
    tags = Tags(KEYS.get, needed=True)
    tags.check(*said("press", KEYS["press"]))
    for each in (said("press", None), said("stranger", None), said("stranger", b"any")):
        with pytest.raises(WireError, match="without the tag"):
            tags.check(*each)


def test_a_key_that_cannot_be_read_lets_nobody_in() -> None:
    def unreadable(_: str) -> bytes:
        raise ConfigError("sensors/press: others may read it")

    with pytest.raises(WireError, match="others may read it"):
        Tags(unreadable, needed=False).check(*said("press", KEYS["press"]))
