"""Tests of service/requests."""
