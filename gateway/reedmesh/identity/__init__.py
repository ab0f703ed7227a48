"""Identities: keys, successions, trust, certificates, sealed envelopes."""
