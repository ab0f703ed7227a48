"""The worker: a process at low priority in which learning calculates. Its memory is free again when it ends."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Protocol, TypeVar

T = TypeVar("T")

NICENESS = 10


class Worker(Protocol):
    """Calls a pure function somewhere."""

    async def __call__(self, function: Callable[..., T], *arguments: object) -> T:
        """The result of `function`, or its exception."""
        ...


WorkerFactory = Callable[[], AbstractAsyncContextManager[Worker]]


@asynccontextmanager
async def worker_process() -> AsyncIterator[Worker]:
    """A process for as long as the context lasts; raises BrokenExecutor when something ends it.

    Whoever leaves the context ends the process, also in the middle of its work: a reload would leave it behind.
    """
    process = ProcessPoolExecutor(1, get_context("spawn"), _begin)

    async def work(function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(process, partial(function, *arguments))

    try:
        yield work
    finally:
        for child in list((getattr(process, "_processes", None) or {}).values()):
            child.kill()  # its own alone: another family may learn at the same time
        process.shutdown(wait=True, cancel_futures=True)


@asynccontextmanager
async def inline_worker() -> AsyncIterator[Worker]:
    """In this thread: for benchmarks of many gateways in one process."""

    async def work(function: Callable[..., T], *arguments: object) -> T:
        return function(*arguments)

    yield work


def _begin() -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the gateway ends this process


def _end_with_parent() -> None:
    """A gateway that is killed ends nothing itself; the queue that the worker reads never tells it."""
    if parent := parent_process():
        parent.join()
        os._exit(1)
