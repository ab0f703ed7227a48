"""From a bare board to a sensor: its settings, its files, and the content of its flash."""
