"""`reedmesh doctor`: looks at everything that makes a gateway fail at night, and says of each what to do.

Checks are plain functions that yield findings: `machine` of the computer, `service` of what the gateway needs there,
`line` of what a running one says of itself. None changes anything.
"""

from reedmesh.commands.doctor.command import add, faults

__all__ = ["add", "faults"]
