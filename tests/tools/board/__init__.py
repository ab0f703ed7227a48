"""Tests of tools/board."""
