"""The gateway's errors, by the person who can mend them.

    Exception
    ├── ReedmeshError
    │   ├── ConfigError     the operator: a setting, a file, a port; shown as one line, exit status 2
    │   ├── DeployError     nobody at once: a new model was refused, the old one stays
    │   ├── DiskError       time or the operator: the disk is full or worn out; nothing is lost while it lasts
    │   └── RefusedError    who asked: a request that cannot be met, and why
    └── WireError           the sender: bytes that are not what they claim (in `wire.py`, which sensors run too)

Pure code raises; the path that called it decides what is normal.
"""

from reedmesh.protocol.wire import WireError

__all__ = ["ConfigError", "DeployError", "DiskError", "ReedmeshError", "RefusedError", "WireError"]


class ReedmeshError(Exception):
    """A fault that this program can explain; the text is one line, with the remedy where there is one."""


class ConfigError(ReedmeshError):
    """The operator can mend it: names the file, the key and what was expected."""


class DeployError(ReedmeshError):
    """A model did not go into service; the one before it stays."""


class DiskError(ReedmeshError):
    """The disk took nothing; what was to be stored waits."""


class RefusedError(ReedmeshError):
    """A request on `request/<verb>` cannot be met: names the argument and what was expected."""
