"""`reedmesh acl write --for rabbitmq`: a script of rabbitmqctl that makes our users with their rights. Pure.

RabbitMQ's MQTT plugin checks the topic as a routing key, with dots for slashes, against one regular expression for
writing and one for reading. Reference: rabbitmq.com/docs/access-control, "Topic Authorisation".
"""

import re
import shlex
from collections.abc import Iterable, Mapping

from reedmesh.broker import acl
from reedmesh.protocol.wire import BASE

EXCHANGE = "amq.topic"
HEAD = "#!/bin/sh\n# Makes the users of the gateway {} with their rights; may be run again.\nset -eu\n"


def script(gateway: str, passwords: Mapping[str, str], prefix: str = acl.DISCOVERY) -> str:
    """Return the script; it holds the passwords."""
    return HEAD.format(gateway) + "".join(_user(gateway, name, each, prefix) for name, each in passwords.items())


def _user(gateway: str, name: str, password: str, prefix: str) -> str:
    rules = acl.rules(gateway, name, prefix)
    said = [each.topic for each in rules if each.access == acl.WRITE]
    heard = [each.topic for each in rules if each.access == acl.READ]
    heard += [f"{BASE}/#"] if name == acl.DASHBOARD else []  # which a filter `reedmesh/+/...` takes, as on NATS
    write, read = pattern(said), pattern(heard)
    user, secret = shlex.quote(name), shlex.quote(password)
    queues = shlex.quote("^(mqtt-subscription-.*|amq\\.topic)$")
    return (
        f"rabbitmqctl -q add_user {user} {secret} 2>/dev/null || rabbitmqctl -q change_password {user} {secret}\n"
        f"rabbitmqctl -q set_permissions {user} {queues} {queues} {queues}\n"
        f"rabbitmqctl -q set_topic_permissions {user} {EXCHANGE} {shlex.quote(write)} {shlex.quote(read)}\n"
    )


def pattern(filters: Iterable[str]) -> str:
    """Return a regular expression of the routing keys that the topic filters match; of none: one that matches nothing.

    >>> bool(re.search(pattern(["a/+/b", "c/#"]), "a.x.b")), bool(re.search(pattern(["a/+/b"]), "a.x.y.b"))
    (True, False)
    """
    found = [_pattern(each) for each in filters]
    return "^(" + "|".join(found) + ")$" if found else "^$"


def _pattern(topic: str) -> str:
    """One filter; a filter that a client subscribes to is checked as well, so `*` and `#` may stand for a level."""
    if topic == "#":
        return ".*"
    tail = topic.endswith("/#")
    levels = (topic[:-2] if tail else topic).split("/")
    return r"\.".join("[^.]+" if level == "+" else re.escape(level) for level in levels) + (r"(\..*)?" if tail else "")
