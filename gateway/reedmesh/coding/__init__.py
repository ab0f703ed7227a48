"""Reed-Solomon erasure code: a payload as shards, any k of each block enough. `reedsolo`'s bytes, at memory speed.

    payload -> encode_block -> shards ... -> Decoder.add -> Decoder.payload -> payload

`matrices.py` is the code, `numpy_kernel.py` and `isal.py` multiply by it, `kernel.py` chooses between these two,
`block.py` codes one block, `decoder.py` many, `locate.py` finds wrong shards where nothing else tells them. The
sensor's decoder is `firmware/ota/decoder.py`; the frames are in `protocol/shards.py`.
"""

from reedmesh.coding.block import decode, encode
from reedmesh.coding.decoder import Decoder, encode_block

__all__ = ["Decoder", "decode", "encode", "encode_block"]
