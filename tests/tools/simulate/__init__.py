"""Tests of tools/simulate."""
