"""Tests of lent computing."""
