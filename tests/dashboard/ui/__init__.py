"""Tests of dashboard/ui."""
