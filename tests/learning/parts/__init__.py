"""Tests of what is learnt of parts."""
