"""From a bare board to a sensor: its settings, its files, and what is written to its flash."""
