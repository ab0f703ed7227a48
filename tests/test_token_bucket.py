"""The token bucket lets a burst through, then its rate, whatever the sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.token_bucket import TokenBucket


def test_a_burst_passes_and_then_the_rate() -> None:
    bucket = TokenBucket(100.0, 50.0)
    assert bucket.wait(50, 0.0) == 0.0
    assert bucket.wait(100, 0.0) == pytest.approx(1.0)
    assert bucket.wait(100, 1.0) == pytest.approx(1.0)
    assert bucket.wait(50, 1000.0) == 0.0


@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0, 10)), min_size=1))
def test_no_span_carries_more_than_burst_and_rate(messages: list[tuple[int, float]]) -> None:
    bucket, now, sent = TokenBucket(100.0, 50.0), 0.0, 0
    for size, pause in messages:
        now += pause
        now += bucket.wait(size, now)
        sent += size
        assert sent <= 50.0 + 100.0 * now + 1e-6
