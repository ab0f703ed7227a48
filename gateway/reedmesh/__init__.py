"""reedmesh: gateways of factory lines whose sensors judge themselves.

The path of a reading, in reading order: `watch` (the path itself), `wire` (frames), `model` (score), `alert`, `store`.
A new machine's first model: `commission` (learn, train, quantise). Everything meets in `service`.
"""

__version__ = "0.2.0"
