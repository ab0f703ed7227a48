"""Tests of firmware/drivers."""
