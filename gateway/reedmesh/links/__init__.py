"""Channels that carry messages: MQTT, serial lines, both combined, and an in-memory one for tests and benchmarks."""
