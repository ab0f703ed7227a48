"""Tests of firmware/ota."""
