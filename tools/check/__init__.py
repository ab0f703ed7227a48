"""Checks against the real thing: systemd, Home Assistant, wheels, licences, fuzzing."""
