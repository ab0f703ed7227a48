"""Tests of firmware/net."""
