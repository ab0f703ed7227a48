"""Tests of stations that judge parts."""
