"""Boards: settings, file system, flashing, and what the firmware becomes for a processor."""
