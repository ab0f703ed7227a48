"""Settings of lent computing: whether neighbours may use this gateway while it is idle, and how much of it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Jobs:
    """Of the pool."""

    lend: bool = False  # do jobs of fixed kinds for neighbours while it is idle, cool, calm and not learning
    busy: float = field(default=0.5, metadata={"min": 0.0, "max": 1.0})  # share of the processors, above it is not idle
    hot: float = field(default=70.0, metadata={"min": 30.0, "max": 120.0})  # degrees Celsius, above it is not cool
    memory: int = field(default=320, metadata={"min": 128, "max": 65536})  # MB of address space of a job
    seconds: int = field(default=600, metadata={"min": 1, "max": 3600})  # of processor that a job may take
    megabytes: int = field(default=100, metadata={"min": 1, "max": 10_000})  # of jobs' data that are kept on disk
