"""The sensor's MQTT client under the real MicroPython: with mosquitto, amqtt, and a broker that misbehaves to order."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from queue import Queue
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.support import brokers, micropython
from tests.support.brokers import ScriptedBroker, free_port
from tests.support.paths import SCRIPTS
from tests.support.timeouts import PATIENCE

TICK_MS = 3750  # how often the client looks at the clock: a quarter of its keepalive
PATIENCE_TICKS = 7  # after so many, more than 1.5 times the keepalive has passed; it starts with the last byte heard,
LATE = 1  # which may be heard a tick after it was sent


class Sensor:
    """The client under test in its own process, its commands and events; see scripts/client/remote.py."""

    def __init__(self, process: Any) -> None:
        self.process = process

    def tell(self, *command: object) -> None:
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def event(self) -> list[Any]:
        """The next event."""
        line = self.process.stdout.readline()
        assert line, f"ended or was killed\n{self.process.stderr.read()}"
        return json.loads(line)

    def expect(self, kind: str) -> list[Any]:
        """The next event of this kind, past all others, without its name."""
        while (event := self.event())[0] != kind:
            pass
        return event[1:]

    def publish(self, topic: str, text: str | int, qos: int = 0, retain: bool = False) -> None:
        self.tell("publish", topic, text, qos, retain)

    def wait_out_pause(self) -> tuple[int, str]:
        """Let the pause before the next attempt pass; its length in ms and what led to it."""
        ms, error = self.expect("pause")
        self.tell("pass", ms)
        return ms, error

    def tick(self, times: int = 1) -> None:
        """Let time pass until the client looks at the clock, `times` times."""
        for _ in range(times):
            self.tell("pass", TICK_MS)

    def counts(self) -> tuple[int, int, str]:
        """lost, oversized, last_error."""
        self.tell("count")
        return tuple(self.expect("count"))


@contextmanager
def sensor(port: int, heap: str | None = None, **options: Any) -> Iterator[Sensor]:
    """A client of the broker at `port` while the block runs; one that hangs is killed, so that `expect` fails."""
    script = SCRIPTS / "client/remote.py"
    with micropython.start(script, port, json.dumps(options), heap=heap, stdin=subprocess.PIPE) as process:
        deadline = threading.Timer(PATIENCE, process.kill)
        deadline.start()
        try:
            yield Sensor(process)
        finally:
            deadline.cancel()
            process.kill()


@contextmanager
def observer(port: int, *patterns: str) -> Iterator[Queue[tuple[str, str, bool]]]:
    """(topic, text, retained) of what another client of the broker receives under `patterns`, in a queue."""
    client, ready, inbox = paho.Client(CallbackAPIVersion.VERSION2), threading.Event(), Queue()
    client.on_message = lambda _c, _u, message: inbox.put((message.topic, message.payload.decode(), message.retain))
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        client.subscribe([(pattern, 1) for pattern in patterns])
        assert ready.wait(PATIENCE)
        yield inbox
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.fixture(params=[brokers.mosquitto, brokers.amqtt], ids=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], AbstractContextManager[int]]:
    return lambda port: request.param(tmp_path, port)


def test_round_trip_at_both_qos_and_both_sizes(broker):
    with broker(free_port()) as port, sensor(port, subscribe=[["a/+", 1, 3000], ["b", 0, 0]]) as client:
        client.expect("up")
        for topic, text, qos in ("a/x", "one", 1), ("b", "two", 0), ("a/y", "3" * 3000, 1), ("b", "", 1):
            client.publish(topic, text, qos)
            assert client.expect("message") == [topic, text, False]
        assert client.counts() == (0, 0, "")


def test_others_receive_what_was_published(broker):
    with broker(free_port()) as port, observer(port, "a/#") as inbox, sensor(port) as client:
        client.expect("up")
        for text, qos in ("zero", 0), ("one", 1), ("ä" * 4000, 1):
            client.publish("a/b", text, qos)
            assert client.expect("published") == ["a/b", True]
            assert inbox.get(timeout=PATIENCE) == ("a/b", text, False)


def test_announcements_are_retained(broker):
    with broker(free_port()) as port, sensor(port, announce={"a/hello": "hi", "a/on": "online"}) as client:
        client.expect("up")
        client.publish("a/last", "", 1)
        client.expect("published")
        with observer(port, "a/hello", "a/on") as inbox:
            received = {inbox.get(timeout=PATIENCE) for _ in range(2)}
        assert received == {("a/hello", "hi", True), ("a/on", "online", True)}


def test_retained_message_reaches_a_new_subscription(broker):
    with broker(free_port()) as port:
        with sensor(port) as writer:
            writer.expect("up")
            writer.publish("a/model", "weights", 1, True)
            writer.expect("published")
        with sensor(port, subscribe=[["a/model", 1, 100]]) as reader:
            assert reader.expect("message") == ["a/model", "weights", True]


def test_will_is_published_when_the_sensor_dies(broker):
    with broker(free_port()) as port, observer(port, "a/#") as inbox:
        with sensor(port, name="dies", will=["a/state", "offline", 1, True]) as client:
            client.expect("up")
        assert inbox.get(timeout=PATIENCE)[:2] == ("a/state", "offline")


def test_close_says_goodbye_so_that_no_will_is_published(broker):
    with broker(free_port()) as port, observer(port, "a/#") as inbox:
        with sensor(port, name="leaves", will=["a/state", "offline", 1, True]) as client:
            client.expect("up")
            client.publish("a/state", "stopped", 1)
            client.expect("published")
            client.tell("close")
            client.expect("ended")
            assert client.process.wait(PATIENCE) == 0
        with sensor(port, name="after") as client:
            client.publish("a/after", "", 1)
            client.expect("published")
        assert [inbox.get(timeout=PATIENCE)[1] for _ in range(2)] == ["stopped", ""]


def test_qos1_published_in_an_outage_arrives_once_the_broker_is_back(broker):
    port = free_port()
    with ExitStack() as first:
        first.enter_context(broker(port))
        with sensor(port, subscribe=[["a/#", 1, 100]], announce={"a/on": "yes"}) as client:
            client.expect("up")
            first.close()
            pause, _ = client.expect("pause")
            client.publish("a/window", "lost", 0)
            assert client.expect("published") == ["a/window", False]
            assert client.counts()[0] == 1
            client.publish("a/alert", "kept", 1)
            with broker(port), observer(port, "a/#") as inbox:
                client.tell("pass", pause)
                assert client.expect("published") == ["a/alert", True]
                client.publish("a/end", "", 1)
                assert [inbox.get(timeout=PATIENCE)[0] for _ in range(3)] == ["a/on", "a/alert", "a/end"]
                while client.expect("message")[0] != "a/end":
                    pass  # it is subscribed again: its own messages come back


def test_mosquitto_refuses_strangers(tmp_path):
    port = free_port()
    with brokers.mosquitto(tmp_path, port, "allow_anonymous false"), sensor(port) as client:
        assert client.wait_out_pause()[1] == "broker refuses: not authorised"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1, "protocol version not supported"), (2, "client name not allowed"), (3, "broker not available"),
        (4, "wrong user or password"), (5, "not authorised"), (6, "code 6"),
    ],
)  # fmt: skip
def test_refusal_is_given_in_words_and_tried_again(code, reason):
    with ScriptedBroker() as broker, sensor(broker.port) as client:
        with broker.accept(code):
            assert client.wait_out_pause()[1] == "broker refuses: " + reason
        with broker.accept():
            client.expect("up")


def test_pauses_double_up_to_thirty_seconds_and_are_left_to_chance():
    with sensor(free_port()) as client:
        pauses = [client.wait_out_pause()[0] for _ in range(8)]
    longest = [2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000]
    assert all(most // 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True)), pauses
    assert len(set(pauses[4:])) > 1, "chance has no part in them"


def test_only_a_link_that_lasted_makes_the_next_pause_short():
    with ScriptedBroker() as broker, sensor(broker.port) as client:
        for longest in 2000, 4000, 8000:
            with broker.accept():
                client.expect("up")
            assert client.wait_out_pause()[0] in range(longest // 2, longest + 1)
        with broker.accept():
            client.expect("up")
            client.tick()
            client.counts()  # and so it has looked, before the link goes
        assert client.wait_out_pause()[0] in range(1000, 2001)


def test_the_link_is_told_of_once_the_broker_has_every_announcement():
    """What `make flash` waits for is the broker's word that it took the hello."""
    announced = {"a/on": "online", "a/hello": "hi"}
    with ScriptedBroker() as broker, sensor(broker.port, announce=announced) as client, broker.accept() as link:
        first, second = link.packet()[1], link.packet()[1]
        said = []
        for puback in (b"\x40\x02\0\2", b"\x40\x02\0\3"):
            assert ["told", "up"] not in said
            link.send(puback + brokers.publish("a/on", b""))
            client.tell("count")
            while not said or said[-1][0] != "count":
                said.append(client.event())
            said.append([""])
        assert {first[2:6], second[2:6]} == {b"a/on", b"a/he"}
        while ["told", "up"] not in said:
            said.append(client.event())


def test_unacknowledged_message_is_sent_again_with_dup_on_the_next_connection():
    with ScriptedBroker() as broker, sensor(broker.port) as client:
        with broker.accept() as link:
            client.publish("a/b", "text", 1)
            first, body = link.packet()
            assert (first, body[:5], body[7:]) == (0x32, b"\0\3a/b", b"text")
        client.wait_out_pause()
        with broker.accept() as link:
            assert link.packet() == (first | 0x08, body)
            link.send(b"\x40\x02" + body[5:7])
            assert client.expect("published") == ["a/b", True]


def test_lost_puback_on_a_link_that_stands_is_not_waited_for_for_ever():
    with ScriptedBroker() as broker, sensor(broker.port, subscribe=[["tick", 0, 0]]) as client:
        with broker.accept() as link:
            link.packet()
            client.publish("a/b", "text", 1)
            _, body = link.packet()
            for _ in range(PATIENCE_TICKS):
                link.send(brokers.publish("tick", b""))
                client.expect("message")
                client.tick()
            assert client.wait_out_pause()[1] == "no PUBACK for 22 s"
        with broker.accept() as link:
            link.packet()
            assert link.packet() == (0x3A, body)


def test_link_that_breaks_while_sending_is_replaced():
    with ScriptedBroker() as broker, sensor(broker.port) as client:
        with broker.accept():
            client.expect("up")
            client.tell("unplug")
            client.publish("a/b", "text", 1)
            client.wait_out_pause()
        with broker.accept() as link:
            assert link.packet()[1].endswith(b"text")


def test_messages_at_qos1_go_one_after_another():
    with ScriptedBroker() as broker, sensor(broker.port, subscribe=[["t", 0, 0]]) as client, broker.accept() as link:
        link.packet()
        client.expect("up")
        client.publish("a", "first", 1)
        client.publish("b", "second", 1)
        ids = []
        for topic in "a", "b":
            first, body = link.packet()
            assert (first, body[:3]) == (0x32, b"\0\1" + topic.encode())
            link.send(b"\x40\x02\xff\xff" + brokers.publish("t", b""))
            assert client.event()[0] == "message", "took the PUBACK of another message"
            ids.append(body[3:5])
            link.send(b"\x40\x02" + body[3:5])
            assert client.expect("published") == [topic, True]
        assert ids[0] != ids[1]


@pytest.mark.parametrize(
    "message", [brokers.publish("a/b", b"x" * 5000, 1, 7), brokers.publish("a/" + "t" * 300, b"x", 1, 7)]
)
def test_message_larger_than_its_buffer_is_read_over_counted_and_acknowledged(message):
    options = {"subscribe": [["a/#", 1, 64]], "max_payload": 16}
    with ScriptedBroker() as broker, sensor(broker.port, **options) as client, broker.accept() as link:
        link.packet()
        link.send(message + brokers.publish("a/c", b"fits", 1, 8))
        assert [link.packet() for _ in range(2)] == [(0x40, b"\0\7"), (0x40, b"\0\x08")]
        assert client.expect("message") == ["a/c", "fits", False]
        assert client.counts() == (0, 1, "")


@pytest.mark.parametrize("garbage", [b"\xff" * 40, b"GET / HTTP/1.1\r\n\r\n", b"\x30\x05\x00\x05abc", b"\x00\x00"])
def test_garbage_ends_the_link_and_a_new_one_is_made(garbage):
    with ScriptedBroker() as broker, sensor(broker.port) as client:
        with broker.accept() as link:
            client.expect("up")
            link.send(garbage)
            assert link.hung_up()
        assert client.wait_out_pause()[1]
        with broker.accept():
            client.expect("up")


@pytest.mark.parametrize("half", [b"", b"\x30", b"\x30\x20\x00\x01t"])
def test_silent_broker_is_given_up(half):
    with ScriptedBroker() as broker, sensor(broker.port, subscribe=[["t", 0, 0]]) as client:
        with broker.accept() as link:
            link.packet()
            link.send(brokers.publish("t", b"") + half)
            client.expect("message")
            client.tick(PATIENCE_TICKS + LATE)
            assert client.wait_out_pause()[1] == "broker silent for 22 s"
        with broker.accept():
            client.expect("up")


def test_after_a_failure_it_connects_to_the_next_node_and_subscribes_at_qos_0():
    with ScriptedBroker() as first, ScriptedBroker() as second:
        others = [["127.0.0.1", second.port]]
        with sensor(first.port, others=others, subscribe=[["a", 1, 0]]) as client:
            for broker in first, second, first:
                with broker.accept() as link:
                    client.expect("up")
                    assert link.packet()[1].endswith(b"\0\1a\0"), "one filter, at QoS 0"
                client.wait_out_pause()


def test_broker_that_never_answers_connect_is_given_up():
    with ScriptedBroker() as broker, sensor(broker.port) as client:
        with broker.accept(code=None):
            client.tick(PATIENCE_TICKS)
            assert client.wait_out_pause()[1] == "broker silent for 22 s"
        with broker.accept():
            client.expect("up")


def test_ping_keeps_an_idle_link_and_one_that_only_sends():
    with ScriptedBroker() as broker, sensor(broker.port, subscribe=[["t", 0, 0]]) as client, broker.accept() as link:
        link.packet()
        client.expect("up")
        for _ in range(3 * PATIENCE_TICKS):
            client.publish("a", "window", 0)
            client.tick()
            first, _ = link.packet()
            if first >> 4 == brokers.PINGREQ:
                link.send(b"\xd0\x00" + brokers.publish("t", b""))
                client.expect("message")  # and so the PINGRESP has been read too
        assert client.counts() == (0, 0, "")


def test_broker_that_stops_reading_is_given_up_and_the_message_sent_again():
    with ScriptedBroker() as broker, sensor(broker.port, heap="64m") as client:
        with broker.accept():
            client.expect("up")
            client.publish("a", 16 << 20, 1)
            client.tick(PATIENCE_TICKS)
            assert client.wait_out_pause()[1] == "broker silent for 22 s"
        with broker.accept() as link:
            first, body = link.packet()
            assert (first, len(body)) == (0x3A, 5 + (16 << 20))
            link.send(b"\x40\x02" + body[3:5])
            assert client.expect("published") == ["a", True]


def test_subscribes_at_every_connect_and_says_what_was_refused():
    filters = [["a/b", 1, 0], ["c/#", 0, 0]]
    with ScriptedBroker() as broker, sensor(broker.port, subscribe=filters) as client:
        for _ in range(2):
            with broker.accept() as link:
                assert link.packet() == (0x82, b"\0\1\0\3a/b\1\0\3c/#\0")
                link.send(b"\x90\x04\0\1\x01\x80" + brokers.publish("a/b", b""))
                client.expect("message")
                assert client.counts()[2] == "broker refuses to subscribe us to c/#"
            client.wait_out_pause()


def test_error_in_a_sink_comes_out_of_run():
    with ScriptedBroker() as broker, sensor(broker.port, subscribe=[["a", 0, 0]]) as client, broker.accept() as link:
        link.send(brokers.publish("a", b"\xff"))
        assert client.process.wait(PATIENCE) == 1
        assert "UnicodeError" in client.process.stdout.read() + client.process.stderr.read()


def test_thousands_of_messages_in_64_kilobytes_leave_nothing_behind():
    with ScriptedBroker() as broker:
        peer = threading.Thread(target=echo_every_fourth, args=(broker,), daemon=True)
        peer.start()
        report = micropython.run_json(SCRIPTS / "client/memory.py", broker.port, 2000, heap="64k")
        peer.join(PATIENCE)
    assert report["received"] == 500
    assert abs(report["grown"]) <= 512, report
    assert report["turns"] >= 8, "a loop that publishes keeps other tasks from running"


def echo_every_fourth(broker: ScriptedBroker) -> None:
    """Acknowledge what comes at QoS 1, and answer every fourth message with one of 1500 bytes."""
    with broker.accept() as link, suppress(EOFError):
        seen = 0
        while True:
            first, body = link.packet()
            if first >> 4 == brokers.PUBLISH:
                seen += 1
                answer = brokers.publish("in", bytes(1500), 1, seen) if seen % 4 == 0 else b""
                ack = b"\x40\x02" + body[5:7] if first & 2 else b""
                link.send(ack + answer)
