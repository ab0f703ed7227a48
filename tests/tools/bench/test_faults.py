"""The yardstick's memory: a figure that became worse than at an earlier commit is told."""

from tools.bench.faults import worse

LINES = ["aaaaaaa,fan,1.0000,0.00,0.0400", "bbbbbbb,fan,0.9000,0.00,0.0400", "bbbbbbb,pump,1.0000,3.40,0.0400"]


def test_what_became_worse_than_in_the_last_line_is_told() -> None:
    assert worse(LINES, "fan", (0.85, 0.0, 0.0)) == "fan: onset 85.0%, 0.0 false alerts; 90.0%, 0.00 at bbbbbbb"
    assert "3.4 false alerts" in worse(LINES, "fan", (0.95, 3.4, 0.0))
    assert (
        worse(LINES, "fan", (0.895, 0.0, 0.2))
        == worse(LINES, "pump", (1.0, 3.4, 0.0))
        == worse(LINES, "new", (0, 9, 1))
        == ""
    )
