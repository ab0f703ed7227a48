"""The patches of amqtt fit the amqtt that is installed, and refuse any other."""

import pytest
from amqtt import broker

from reedmesh.broker import amqtt_patches
from reedmesh.broker.amqtt_patches import Broker, Subscriptions, TakeOver, check_version
from reedmesh.errors import ConfigError

PRIVATE = (
    "_handle_client_session", "_delete_session", "_handle_disconnect", "_authenticate",
    "_publish_retained_messages_for_subscription", "stream_connected", "external_connected",
)  # fmt: skip


def test_another_series_of_amqtt_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    check_version()
    monkeypatch.setattr(amqtt_patches, "version", lambda _: "0.13.0")
    with pytest.raises(ConfigError, match=r"needs amqtt 0\.12\.x, not 0\.13\.0: pip install"):
        check_version()


@pytest.mark.parametrize("name", PRIVATE)
def test_what_is_patched_or_called_is_there(name: str) -> None:
    assert callable(getattr(broker.Broker, name))


def test_what_overrides_a_method_of_amqtt_overrides_one_that_exists() -> None:
    ours = {name for each in (Broker, TakeOver) for name, value in vars(each).items() if callable(value)}
    added = {"__init__", "_close", "_logged_in", "close_listeners", "hang_up_on_revoked", "_fire_in_time"}
    assert {name for name in ours - added if not hasattr(broker.Broker, name)} == set()


def test_a_walk_through_the_subscriptions_outlives_a_new_one() -> None:
    table = Subscriptions()
    table["a"] = ["first"]
    walk = iter(table.items())
    table["b"] = ["second"]
    table["a"].append("third")
    assert list(walk) == [("a", ["first"])]
