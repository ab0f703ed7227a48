"""Tests of exchange/private."""
