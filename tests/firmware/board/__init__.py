"""Tests of firmware/board."""
