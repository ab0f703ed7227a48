"""Tests of dashboard/model."""
