"""A gateway whose clock is wrong issues no certificate: its sensors, whose clocks are right, would refuse it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from reedmesh.errors import ConfigError
from reedmesh.identity import certificates


class Unset(datetime):
    """A Raspberry Pi without a network."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime(2024, 1, 1, tzinfo=UTC)


def test_no_certificate_is_issued_by_a_clock_that_is_behind_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "datetime", Unset)
    with pytest.raises(ConfigError, match=r"the clock says 2024-01-01.*set-ntp"):
        certificates.issue(tmp_path, ["10.0.0.1"], None)
    assert not list(tmp_path.iterdir())
