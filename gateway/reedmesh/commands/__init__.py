"""The `reedmesh` command line: one file a command."""
