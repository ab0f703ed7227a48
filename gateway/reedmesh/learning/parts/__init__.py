"""What is learnt of parts: a detector from OK parts alone, a classifier from labels, and where verdicts begin."""
