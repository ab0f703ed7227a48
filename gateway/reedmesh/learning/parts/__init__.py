"""Learning of parts: a detector from OK parts alone, a classifier from labels, and the limits of verdicts."""
