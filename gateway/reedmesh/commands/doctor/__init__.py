"""`reedmesh doctor`: checks everything that makes a gateway fail at night, with a remedy for each finding.

Checks are plain functions that yield findings: `machine` of the computer, `service` of what the gateway needs there,
`line` of what a running one says of itself. None changes anything.
"""

from reedmesh.commands.doctor.command import add, faults

__all__ = ["add", "faults"]
