"""Access rules for NATS and RabbitMQ: as the one table says, which mosquitto's list follows as well."""

import re

import pytest

from reedmesh.__main__ import main
from reedmesh.broker import acl, nats, rabbitmq
from reedmesh.errors import ConfigError

USERS = ("gateway.gw", "gateway.other", "sensor.s1", acl.DASHBOARD, acl.HOME_ASSISTANT)
TOPICS = [
    f"reedmesh/{gateway}/{leaf}"
    for gateway in ("gw", "other")
    for leaf in ("status", "s1/window", "s1/model/manifest", "s1/model/status", "s2/window", "request/ack",
                 "update/vibration/manifest", "update/vibration/request/gw/need", "s1/late/taken")
]  # fmt: skip


def nats_matches(allowed: str, subject: str) -> bool:
    """As NATS matches: `*` is one token, `>` one or more."""
    mine, theirs = allowed.split("."), subject.split(".")
    for i, token in enumerate(mine):
        if token == ">":
            return len(theirs) > i
        if i >= len(theirs) or token not in ("*", theirs[i]):
            return False
    return len(mine) == len(theirs)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("topic", TOPICS)
def test_nats_and_rabbitmq_allow_what_the_table_allows(user: str, topic: str) -> None:
    permissions = nats.users("gw", {user: "p"})[user]["permissions"]
    words = re.findall(r"set_topic_permissions \S+ amq.topic '(.*)' '(.*)'", rabbitmq.script("gw", {user: "p"}))[0]
    for access, act, pattern in ((acl.WRITE, "publish", words[0]), (acl.READ, "subscribe", words[1])):
        expected = acl.may("gw", user, access, topic)
        wider = user == acl.DASHBOARD and access == acl.READ  # neither filters what passes a filter
        assert bool(re.search(pattern, topic.replace("/", "."))) == (expected or wider), (access, pattern)
        found = any(nats_matches(each, nats.subject(topic)) for each in permissions[act]["allow"])
        assert found == (expected or wider), (access, permissions[act])


def test_gateways_of_one_cluster_share_users_and_two_passwords_are_refused_by_name() -> None:
    one, two = nats.users("gw", {"dashboard": "p", "gateway.gw": "a"}), nats.users("other", {"dashboard": "p"})
    both = nats.merged([one, two])
    allowed = both["dashboard"]["permissions"]["publish"]["allow"]
    assert {"reedmesh.gw.request.>", "reedmesh.other.request.>"} <= set(allowed)
    assert nats.read_users(nats.users_file(both)) == both
    with pytest.raises(ConfigError, match=r"sensor\.s1: two gateways"):
        nats.merged([nats.users("gw", {"sensor.s1": "p"}), nats.users("other", {"sensor.s1": "q"})])


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        (["a", "b"], "2 nodes: 3 or 5"),
        (["a", "b", "a"], "3 nodes: 3 or 5 different"),
        (["a", "b", "c:0"], "1 to 65535"),
        (["a", "b", "c:1883:x"], "host or host:port"),
    ],
)
def test_nodes_that_cannot_be_are_refused(nodes: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["broker", "cluster", *nodes]) == 2
    assert says in capsys.readouterr().err
