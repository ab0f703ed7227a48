"""The gateway as a process: composition, startup, state, watchdog, metrics."""
