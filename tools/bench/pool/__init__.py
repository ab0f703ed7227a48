"""Benches of what gateways do for each other when they are idle: the archive, and jobs."""
