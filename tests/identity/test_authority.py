"""Keys that an authority gives: ordinary Ed25519 keys of whom it names, and nobody can make one up or change one."""

import secrets
import time
from dataclasses import replace
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.errors import ConfigError, WireError
from reedmesh.identity import authority, credential, keystore, revocation
from reedmesh.identity.authority import ORDER, ScalarKey, Term
from reedmesh.identity.credential import Credential
from reedmesh.identity.ed25519 import is_signed, twin
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.trust_store import DAY, Trust

SITE = (7).to_bytes(32, "little")
SITE_POINT = authority.point(SITE)
TODAY = 20_000
TERM = Term("hall2", TODAY, TODAY + 89)
SMALL_ORDER = [  # points of order 1, 2, 4 and 8, and the non-canonical 1 (RFC 8032 and its errata)
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


def given_key(term: Term = TERM, site: bytes = SITE) -> tuple[ScalarKey, Credential]:
    """A gateway's key after asking the authority."""
    drawn = authority.scalar()
    point, answer = authority.issue(site, term, authority.point(drawn))
    return authority.accepted(authority.point(site), term, drawn, point, answer), Credential(term, point)


class Hall:
    """A gateway that pins the authority and expects hall2."""

    def __init__(self, folder: Path, *expected: str) -> None:
        self.now = (TODAY + 1) * DAY
        self.trust = Trust(folder, {}, lambda: self.now)
        self.ring = Keyring({}, self.trust, authority=SITE_POINT, expected=expected or ("hall2",))


@pytest.fixture
def hall(tmp_path: Path) -> Hall:
    return Hall(tmp_path)


@settings(max_examples=200)
@given(st.binary(min_size=64, max_size=64), st.binary(max_size=100))
def test_any_scalar_signs_as_ed25519_verifies_and_opens_what_is_sealed_for_its_twin(seed: bytes, text: bytes) -> None:
    value = int.from_bytes(seed, "little") % (ORDER - 1) + 1
    key = ScalarKey(value.to_bytes(32, "little"))
    assert is_signed(key.public, key.signature(text), text)
    assert not is_signed(key.public, key.signature(text), text + b"x")
    assert key.opens.public_key().public_bytes_raw() == twin(key.public).public_bytes_raw()


def test_a_key_is_known_from_the_authority_and_the_name_alone(hall: Hall) -> None:
    key, said = given_key()
    hall.ring.enrol("hall2", credential.pack(said, key))
    assert hall.ring.of("hall2") == [key.public] and "hall2" in hall.ring


def test_it_counts_on_its_days_alone(hall: Hall) -> None:
    key, said = given_key()
    hall.ring.enrol("hall2", credential.pack(said, key))
    for day, counts in ((TODAY - 0.01, 0), (TODAY, 1), (TODAY + 89.99, 1), (TODAY + 90, 0)):
        hall.now = day * DAY
        assert len(hall.ring.of("hall2")) == counts


def refused(hall: Hall, frame: bytes, name: str = "hall2") -> None:
    with pytest.raises(WireError):
        hall.ring.enrol(name, frame)
    assert hall.ring.of(name) == []


def test_key_replacement_is_refused(hall: Hall) -> None:
    """Somebody without the authority picks the point V, or the key, as they like (Type I)."""
    thief = ScalarKey(authority.scalar())
    for point in (thief.public, authority.point(authority.scalar()), SITE_POINT):
        refused(hall, credential.pack(Credential(TERM, point), thief))


def test_the_authority_alone_has_not_the_key_it_gave(hall: Hall) -> None:
    """It knows s and not x: s alone signs nothing (Type II)."""
    drawn = authority.scalar()
    point, answer = authority.issue(SITE, TERM, authority.point(drawn))
    refused(hall, credential.pack(Credential(TERM, point), ScalarKey(answer)))


def test_another_name_other_days_or_another_authority_make_another_key(hall: Hall) -> None:
    key, said = given_key()
    for term in (replace(TERM, name="hall3"), replace(TERM, last=TERM.last + 1), replace(TERM, first=TERM.first - 1)):
        refused(hall, credential.pack(Credential(term, said.given), key), term.name)
    other, theirs = given_key(site=(8).to_bytes(32, "little"))
    refused(hall, credential.pack(theirs, other))


def test_a_credential_of_one_gateway_is_none_of_another(tmp_path: Path) -> None:
    hall = Hall(tmp_path, "hall2", "hall3")
    key, said = given_key()
    refused(hall, credential.pack(said, key), "hall3")


def test_every_changed_bit_is_refused(hall: Hall) -> None:
    key, said = given_key()
    frame = credential.pack(said, key)
    for bit in range(0, 8 * len(frame), 3):
        bent = bytearray(frame)
        bent[bit // 8] ^= 1 << bit % 8
        refused(hall, bytes(bent))


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_points_of_small_order_and_other_spellings_are_refused(hall: Hall, point: str) -> None:
    refused(hall, credential.pack(Credential(TERM, bytes.fromhex(point)), ScalarKey(authority.scalar())))
    with pytest.raises(WireError):
        authority.issue(SITE, TERM, bytes.fromhex(point))


@given(st.binary(max_size=200))
def test_nonsense_is_refused(frame: bytes) -> None:
    with pytest.raises(WireError):
        credential.unpack(frame, SITE_POINT)


def test_terms_without_end_are_refused(hall: Hall) -> None:
    for first, last in ((TODAY, TODAY + credential.MOST_DAYS), (0, 2**32 - 1), (TODAY, TODAY - 1)):
        key, said = given_key(Term("hall2", first, last))
        refused(hall, credential.pack(said, key))


def test_two_credentials_for_the_same_day_are_told_of_and_the_second_is_not_taken(hall: Hall) -> None:
    (key, said), (other, theirs) = given_key(), given_key(replace(TERM, first=TERM.last, last=TERM.last + 9))
    hall.ring.enrol("hall2", credential.pack(said, key))
    with pytest.raises(WireError, match="two credentials for the same day"):
        hall.ring.enrol("hall2", credential.pack(theirs, other))
    assert hall.ring.of("hall2") == [key.public]
    hall.trust.revoke(key.public)
    hall.ring.enrol("hall2", credential.pack(theirs, other))
    hall.now = TERM.last * DAY
    assert hall.ring.of("hall2") == [other.public]


def test_a_renewal_follows_without_a_gap(hall: Hall) -> None:
    (key, said), (new, next_) = given_key(), given_key(Term("hall2", TERM.last + 1, TERM.last + 90))
    hall.ring.enrol("hall2", credential.pack(said, key))
    hall.ring.enrol("hall2", credential.pack(next_, new))
    assert hall.ring.of("hall2") == [key.public]
    hall.now = (TERM.last + 1) * DAY
    assert hall.ring.of("hall2") == [new.public]


def test_a_revoked_key_stays_so_whoever_says_its_credential_again(hall: Hall) -> None:
    key, said = given_key()
    frame = credential.pack(said, key)
    hall.ring.enrol("hall2", frame)
    hall.trust.revoke(key.public)
    refused(hall, frame)


def test_a_pinned_neighbour_shows_no_credential(tmp_path: Path) -> None:
    key, said = given_key()
    pinned = {"hall2": bytes(31) + b"\1"}
    ring = Keyring(pinned, Trust(tmp_path, pinned), authority=SITE_POINT, expected=())
    with pytest.raises(WireError, match="pinned key"):
        ring.enrol("hall2", credential.pack(said, key))
    assert ring.of("hall2") == [pinned["hall2"]]


def test_an_answer_to_another_request_is_refused(tmp_path: Path) -> None:
    keystore.load(tmp_path)
    asked = keystore.request(tmp_path)
    point, answer = authority.issue(SITE, TERM, asked)
    other, wrong = authority.issue(SITE, TERM, authority.point(authority.scalar()))
    too_large = (int.from_bytes(answer, "little") + ORDER).to_bytes(32, "little")
    for given_point, given_answer in ((other, wrong), (point, wrong), (other, answer), (point, too_large)):
        with pytest.raises(WireError):
            keystore.accept(tmp_path, SITE_POINT, TERM, given_point, given_answer, 0)
    assert keystore.request(tmp_path) == asked and keystore.shown(tmp_path) is None


def test_the_key_of_a_gateway_follows_the_one_before_and_outlives_restarts(tmp_path: Path) -> None:
    first = keystore.load(tmp_path)
    answer = authority.issue(SITE, TERM, keystore.request(tmp_path))
    key = keystore.accept(tmp_path, SITE_POINT, TERM, *answer, int(time.time()) + 99)
    assert keystore.load(tmp_path).public == key.public
    assert keystore.lineage(tmp_path, "hall2") == [key.public, first.public]
    before = keystore.previous(tmp_path)
    assert before and before.public == first.public
    shown = keystore.shown(tmp_path)
    assert shown and credential.unpack(shown, SITE_POINT)[1] == key.public
    again = keystore.rotate(tmp_path, "hall2", int(time.time()) + 99)  # a key of our own after one of the authority
    before = keystore.previous(tmp_path)
    assert keystore.load(tmp_path).public == again.public and keystore.shown(tmp_path) is None
    assert before and before.public == key.public


def test_a_power_cut_while_it_is_taken_leaves_the_key_before(tmp_path: Path) -> None:
    first = keystore.load(tmp_path)
    answer = authority.issue(SITE, TERM, keystore.request(tmp_path))
    seed = (tmp_path / "key").read_bytes()
    keystore.accept(tmp_path, SITE_POINT, TERM, *answer, 0)
    (tmp_path / "key").write_bytes(seed)  # the last of its files was not written
    assert keystore.load(tmp_path).public == first.public and keystore.shown(tmp_path) is None


def test_a_secret_of_zeros_is_none() -> None:
    with pytest.raises(ConfigError):
        authority.point(bytes(32))


def test_signatures_differ_each_time_and_hold(hall: Hall) -> None:
    key, _ = given_key()
    text = secrets.token_bytes(40) + pack("<Q", 5)
    one, two = key.signature(text), key.signature(text)
    assert one != two and is_signed(key.public, one, text) and is_signed(key.public, two, text)


def test_a_key_that_the_authority_took_back_counts_no_more_whoever_says_so(hall: Hall) -> None:
    key, said = given_key()
    hall.ring.enrol("hall2", credential.pack(said, key))
    frame = revocation.pack(key.public, ScalarKey(SITE))
    hall.ring.take_back(frame)
    assert hall.ring.of("hall2") == [] and hall.ring.taken_back() == frame
    hall.ring.take_back(frame)  # again
    assert hall.ring.taken_back() == frame


def test_nobody_but_the_authority_takes_a_key_back(hall: Hall) -> None:
    key, said = given_key()
    hall.ring.enrol("hall2", credential.pack(said, key))
    frame = bytearray(revocation.pack(key.public, ScalarKey(SITE)))
    forged = [revocation.pack(key.public, key), bytes(frame[:-1]), b"", bytes(frame) * 65]
    for at in range(0, len(frame), 7):
        bent = bytearray(frame)
        bent[at] ^= 1
        forged.append(bytes(bent))
    for each in forged:
        with pytest.raises(WireError):
            hall.ring.take_back(each)
    assert hall.ring.of("hall2") == [key.public]


def test_frames_that_are_kept_are_bounded(hall: Hall) -> None:
    site = ScalarKey(SITE)
    for i in range(revocation.MOST):
        hall.ring.take_back(revocation.pack(i.to_bytes(32, "little"), site))
    with pytest.raises(WireError, match="taken back already"):
        hall.ring.take_back(revocation.pack(bytes(31) + b"\1", site))
