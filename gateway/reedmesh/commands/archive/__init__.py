"""`reedmesh archive ...`."""

from reedmesh.commands.archive.command import add

__all__ = ["add"]
