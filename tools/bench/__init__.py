"""Benchmarks; each writes its figures into build/bench.json."""
