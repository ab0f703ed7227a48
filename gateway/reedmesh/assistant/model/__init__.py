"""A small language model that only chooses a tool, in a process of its own; without one the tables do it alone."""
