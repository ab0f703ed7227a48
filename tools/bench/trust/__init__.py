"""Benchmarks of keys, proofs, credit and privacy between gateways."""
