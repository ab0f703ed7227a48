"""The request `join` from the wrong ones: replayed, too late, guessed, altered, too large, of another gateway."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from reedmesh.config import joined
from reedmesh.config.settings import Config, Neighbour
from reedmesh.errors import RefusedError
from reedmesh.identity.invitation import Invitation
from reedmesh.identity.invitations import LIFETIME, MOST_TRIES, Invitations
from reedmesh.service.requests.arguments import Arguments
from reedmesh.service.requests.joining import A_MINUTE, Joining

HALL2: dict[str, Any] = {"name": "hall2", "key": "ab" * 32, "host": "10.0.0.2", "port": 1883, "password": "cd" * 32}


class Bench:
    """A gateway that has made an invitation."""

    def __init__(self, folder: Path, *neighbours: Neighbour) -> None:
        self.state, self.now, self.began = folder, 0.0, 0
        self.config = Config("hall1", str(folder), neighbours=neighbours)
        self.joining = Joining(self.config, self._begin, lambda: self.now)
        self.invitation = Invitations(folder).make("hall1", "10.0.0.1", 1883, bytes(32), None, LIFETIME)

    def _begin(self) -> None:
        self.began += 1

    def request(self, **other: object) -> dict[str, Any]:
        return self.sealed(self.invitation, {**HALL2, **other})

    def sealed(self, by: Invitation, told: dict[str, Any]) -> dict[str, Any]:
        return {"invitation": by.id.hex(), "sealed": by.seal("request", told)}

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return asyncio.run(self.joining.join(Arguments(request)))

    def refused(self, request: dict[str, Any]) -> str:
        with pytest.raises(RefusedError) as refusal:
            self.ask(request)
        return str(refusal.value)

    def neighbours(self) -> list[str]:
        return [each.name for each in joined.load(self.state)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_who_has_the_token_becomes_a_neighbour_and_learns_its_password(bench: Bench) -> None:
    answer = bench.invitation.opened("answer", bench.ask(bench.request())["sealed"])
    assert len(answer["password"]) == 64 and answer["ca"] == ""
    (neighbour,) = joined.load(bench.state)
    assert neighbour == Neighbour("hall2", "10.0.0.2", "ab" * 32, 1883, password="cd" * 32, plain=True)


def test_a_request_that_is_heard_twice_does_nothing_the_second_time(bench: Bench) -> None:
    request = bench.request()
    bench.ask(request)
    joined.remove(bench.state, "hall2")
    assert "no such invitation" in bench.refused(request) and not bench.neighbours()


def test_one_that_comes_too_late_is_refused(bench: Bench) -> None:
    bench.joining._invitations._clock = lambda: bench.invitation.until
    assert "no such invitation" in bench.refused(bench.request()) and not bench.neighbours()


def test_who_guesses_has_few_tries_and_then_the_token_is_worth_nothing_to_anybody(bench: Bench) -> None:
    for _ in range(MOST_TRIES):
        forged = base64.b64encode(bytes(200)).decode()
        assert "does not have the token" in bench.refused({"invitation": bench.invitation.id.hex(), "sealed": forged})
    assert "no such invitation" in bench.refused(bench.request())


def test_attempts_are_counted_of_everybody_together(bench: Bench) -> None:
    for _ in range(A_MINUTE):
        bench.refused({"invitation": "0" * 16, "sealed": "x"})
    assert "wait a minute" in bench.refused(bench.request())
    bench.now += 60
    bench.ask(bench.request())
    assert bench.neighbours() == ["hall2"]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"name": "hall1"}, "ours"),
        ({"name": "Hall 2"}, "no name"),
        ({"name": "../trust"}, "no name"),
        ({"key": "ab" * 31}, "no public key"),
        ({"host": 'a"\nca = "/etc/shadow'}, "printable"),
        ({"host": 'a" #'}, "no address"),
        ({"port": 70_000}, "port"),
        ({"password": "x" * 65}, "password"),
        ({"password": "\U0001f600" * 64}, "password"),
        ({"ca": "-----BEGIN CERTIFICATE-----\nAAAA"}, "no certificate"),
        ({"ca": "x" * 1801}, "at most"),
    ],
)
def test_what_it_says_of_itself_is_checked_and_the_invitation_stays(
    bench: Bench, other: dict[str, Any], says: str
) -> None:
    assert says in bench.refused(bench.request(**other)) and not bench.neighbours()
    bench.ask(bench.request())


def test_it_cannot_take_the_place_of_a_neighbour_that_is_there(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Neighbour("hall2", "10.0.0.9", "cd" * 32))
    assert "another key" in bench.refused(bench.request()) and not bench.neighbours()
