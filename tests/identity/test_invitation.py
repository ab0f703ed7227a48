"""Invitations: what a token says, that one altered anywhere is refused, and that it counts once and for an hour."""

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.errors import ConfigError
from reedmesh.identity import invitation
from reedmesh.identity.invitation import Invitation
from reedmesh.identity.invitations import LIFETIME, MOST_OPEN, MOST_TRIES, Invitations
from reedmesh.protocol.wire import WireError

NOW = 1_900_000_000
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=32)
hosts = st.text("abcdefghijklmnopqrstuvwxyz0123456789.:", min_size=1, max_size=253)
made = st.builds(
    Invitation, names, hosts, st.integers(1, 65535), st.integers(0, 2**32 - 1), st.binary(min_size=8, max_size=8),
    st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32),
    st.none() | st.binary(min_size=32, max_size=32),
)  # fmt: skip
ONE = Invitation("hall1", "192.168.1.10", 8883, NOW, bytes(range(8)), bytes(range(16)), bytes(range(32)), b"f" * 32)


@given(made)
def test_a_token_says_what_went_into_it(one: Invitation) -> None:
    text = invitation.token(one)
    assert invitation.read(text) == one and len(text) <= invitation.LONGEST
    assert invitation.read("\n ".join((text[:50], text[50:]))) == one, "as a mail program breaks it"


@given(made, st.data())
def test_a_token_with_one_other_character_is_refused(one: Invitation, data: st.DataObject) -> None:
    text = invitation.token(one)
    at = data.draw(st.integers(4, len(text) - 2))  # the last one has bits that mean nothing
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    if other != text[at]:
        with pytest.raises(ConfigError, match="damaged"):
            invitation.read(text[:at] + other + text[at + 1 :])


@pytest.mark.parametrize("text", ["", "rm1.", "rm1.AAAA", "rm1." + "A" * 10_000, "x" * 10_000, "rm1.é", "rm1.AAA=AAA"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        invitation.read(text)


@given(st.text())
def test_any_text_is_refused_or_read(text: str) -> None:
    with contextlib.suppress(ConfigError):
        invitation.read("rm1." + text)


def test_only_who_has_the_token_reads_what_is_sealed_and_no_answer_passes_for_a_request() -> None:
    sealed = ONE.seal("request", {"name": "hall2"})
    assert ONE.opened("request", sealed) == {"name": "hall2"} and sealed != ONE.seal("request", {"name": "hall2"})
    for other in (replace(ONE, secret=bytes(16)), replace(ONE, id=bytes(8))):
        with pytest.raises(WireError):
            other.opened("request", sealed)
    for purpose, text in (("answer", sealed), ("request", sealed[:-5]), ("request", ""), ("request", "é")):
        with pytest.raises(WireError):
            ONE.opened(purpose, text)


class TestKept:
    """Those of a gateway."""

    @pytest.fixture
    def kept(self, tmp_path: Path) -> Invitations:
        self.now = float(NOW)
        return Invitations(tmp_path, lambda: self.now)

    def make(self, kept: Invitations) -> Invitation:
        return kept.make("hall1", "10.0.0.1", 8883, bytes(32), None, LIFETIME)

    def test_one_is_there_until_its_hour_is_over(self, kept: Invitations, tmp_path: Path) -> None:
        one = self.make(kept)
        assert kept.find(one.id.hex()) == one and kept.ids() == [one.id.hex()]
        assert (tmp_path / "invitations" / one.id.hex()).stat().st_mode & 0o777 == 0o600
        self.now += LIFETIME
        assert kept.find(one.id.hex()) is None and not list((tmp_path / "invitations").iterdir())

    def test_a_few_wrong_proofs_end_it(self, kept: Invitations) -> None:
        number = self.make(kept).id.hex()
        for _ in range(MOST_TRIES):
            assert kept.find(number)
            kept.failed(number)
        assert kept.find(number) is None

    def test_no_more_than_a_few_are_open(self, kept: Invitations) -> None:
        for _ in range(MOST_OPEN):
            self.make(kept)
        with pytest.raises(ConfigError, match="are open already"):
            self.make(kept)

    @pytest.mark.parametrize("number", ["", "..", "../broker", "0" * 15, "0" * 16, "A" * 16, "0" * 10_000])
    def test_an_id_that_is_none_finds_nothing(self, kept: Invitations, number: str) -> None:
        assert kept.find(number) is None
