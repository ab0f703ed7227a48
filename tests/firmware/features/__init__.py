"""Tests of firmware/features."""
