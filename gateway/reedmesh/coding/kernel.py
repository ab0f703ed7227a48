"""Which `multiply` this machine uses: ISA-L's where it is found and right, else numpy's. Decided once, at import."""

import logging
from collections.abc import Callable, Iterable
from hashlib import sha256

import numpy as np

from reedmesh.coding import isal, numpy_kernel
from reedmesh.coding.matrices import Bytes, weights

log = logging.getLogger(__name__)

Multiply = Callable[[Bytes, isal.Rows, isal.Rows], None]

# k, parity shards, shard length, start of the SHA-256 of the parity that reedsolo 1.7.0 makes of `_sample`.
STORED = (
    (1, 1, 1, "6e340b9cffb37a98"),
    (5, 3, 67, "b5969267d7924aad"),
    (32, 20, 300, "d729856589d21dc3"),
    (200, 55, 33, "23c7f45fcae02998"),
)


def is_right(multiply: Multiply) -> bool:
    """Whether `multiply` makes the same parity bytes as `reedsolo`: few and many rows, odd and even lengths."""
    return all(_parity_digest(multiply, k, m, length) == stored for k, m, length, stored in STORED)


def choose(libraries: Iterable[str]) -> tuple[str, Multiply]:
    """Name and function of the fastest kernel that `is_right`; the log names those that are skipped."""
    for path in libraries:
        try:
            multiply = isal.Isal(path).multiply
        except (OSError, AttributeError) as error:
            log.info("erasure: %s", error)  # mostly: not installed
            continue
        if is_right(multiply):
            return "ISA-L", multiply
        log.warning("erasure: %s does not give the stored results, so it is not used", path)
    return "numpy", numpy_kernel.multiply


def _parity_digest(multiply: Multiply, k: int, m: int, length: int) -> str:
    data = _sample(k * length).reshape(k, length)
    parity = np.zeros((m, length), np.uint8)
    multiply(weights(range(k, k + m), range(k)), list(data), list(parity))
    return sha256(parity.tobytes()).hexdigest()[:16]


def _sample(length: int) -> Bytes:
    """Byte i is i * i + i // 7 modulo 256."""
    i = np.arange(length)
    return (i * i + i // 7).astype(np.uint8)


NAME, multiply = choose(isal.candidates())
