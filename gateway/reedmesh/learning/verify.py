"""Whether a neighbour's update is valid, and its public copy after that update. Pure.

Who sent it and that it arrived whole is known by then (`keys.py`, `coding/collector.py`); a member of the federation
may still be broken or lie. What is refused leaves the copy as it was, so that whatever continues the refused update is
refused too, until the neighbour tells one that stands alone.
"""

from hashlib import sha256

import numpy as np

from reedmesh.errors import WireError
from reedmesh.inference.family import Family
from reedmesh.learning import delta
from reedmesh.learning.aggregate import Peer


def verify(family: Family, known: Peer | None, sequence: int, base: int, payload: bytes) -> Peer:
    """The sender's public copy after its update `sequence`, which continues update `base`, or stands alone if equal.

    known: its copy until now, None if there is none. Raises WireError with the reason.
    """
    if known and sequence <= known.sequence:
        raise WireError(f"update {sequence} is a replay: {known.sequence} was taken already")
    if base != sequence and (known.sequence if known else None) != base:
        held = f"update {known.sequence} is held" if known else "none is held"
        raise WireError(f"update {sequence} continues {base}, {held}")
    if delta.stands_alone(payload) != (base == sequence):
        raise WireError(f"update {sequence} continues {base}, and its payload says otherwise")
    if base == sequence:
        known = Peer(np.zeros(sum(family.tensors), np.float32), 0)
    assert known
    news = delta.unpack(payload, family.tensors, family.recipe.length)
    return known.after(news, sequence, sha256(payload).hexdigest())
