"""Tests of gateway/reedmesh/provisioning, and of the tools that call it."""
