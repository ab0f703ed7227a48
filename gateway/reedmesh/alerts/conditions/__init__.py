"""The conditions that raise alerts: a file for each, with its unit, priority and sentences; see `condition.py`."""
