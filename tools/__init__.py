"""Programs for a checkout, run as `python -m tools.<folder>.<file>`: boards, simulations, benchmarks, checks."""
