"""Answers to what neighbours ask of our archive: its list, manifests, shards, and shards to keep."""

import asyncio
from collections import Counter

from reedmesh.archive import coded, forgetting, frames
from reedmesh.archive.frames import Frame
from reedmesh.archive.site import Site
from reedmesh.errors import ReedmeshError, WireError
from reedmesh.links.rejects import Rejects

MOST_OF_ONE = 64  # questions of one neighbour that wait; of 128 KiB each, at most


class Answering:
    """Of one gateway. rejects: counts what was wrong with questions."""

    def __init__(self, site: Site, rejects: Rejects) -> None:
        self._at = site
        self._rejects = rejects
        self._waiting: asyncio.Queue[Frame] = asyncio.Queue()
        self._counts: Counter[str] = Counter()

    def take(self, question: Frame) -> None:
        """Answer it soon; raises WireError when too many of its sender wait."""
        if self._counts[question.sender] >= MOST_OF_ONE:
            raise WireError(f"archive: {MOST_OF_ONE} questions of {question.sender} wait already")
        self._counts[question.sender] += 1
        self._waiting.put_nowait(question)

    async def run(self) -> None:
        """Answer one after the other until cancelled."""
        while True:
            await self.answer_next()

    async def answer_next(self) -> None:
        """Wait for a question and answer it; what is wrong with it is the answer."""
        question = await self._waiting.get()
        self._counts[question.sender] -= 1
        try:
            await self._answer(question)
        except (WireError, ReedmeshError) as fault:
            self._rejects.add(frames.topic(question.sender, ""), fault)
            await self._at.peers.refuse(question, str(fault))

    async def _answer(self, question: Frame) -> None:
        at, body = self._at, question.body
        if question.kind == frames.LIST:
            told, _ = await at.disk(at.shelf.digest)
            self._spend(question, len(told))
            await at.peers.answer(question, frames.LISTED, told)
        elif question.kind == frames.WANT_MANIFEST:
            it = at.shelf.manifests.get(frames.object_id(body))
            await (at.peers.answer(question, frames.MANIFEST, it.frame) if it else at.peers.refuse(question, "unknown"))
        elif question.kind == frames.WANT_SHARD:
            await self._shard(question)
        elif question.kind == frames.PUT:
            await self._put(question)
            await at.peers.answer(question, frames.KEPT)
        else:
            await forgetting.obey(at, body)
            await at.peers.answer(question, frames.KEPT)

    async def _shard(self, question: Frame) -> None:
        at = self._at
        object_id, block, index = frames.place(question.body)
        it = at.shelf.manifests.get(object_id)
        shard = await at.disk(at.shelf.check, object_id, (block, index)) if it else None
        if shard is None:
            await at.peers.refuse(question, "not here")
            return
        self._spend(question, len(shard))
        await at.peers.answer(question, frames.SHARD, shard)

    async def _put(self, question: Frame) -> None:
        """Keep a shard; raises WireError with the reason for which we do not, and DiskError."""
        at = self._at
        frame, block, index, shard = frames.put(question.body)
        it = at.manifest(frame)
        if not coded.is_right(it, (block, index), shard):
            raise WireError(f"archive: shard {index} of {it.label!r} is not what its manifest lists")
        if why := at.refuses(it, here=True):
            raise WireError(f"archive: {why}")
        sender = question.sender
        if not at.limits.may_write(sender, len(shard) + len(frame), at.offered(sender) or 0, at.steady()):
            raise WireError(f"archive: {sender} has had written here what it may have written in a day")
        await at.disk(at.shelf.keep, it, (block, index), shard)

    def _spend(self, question: Frame, size: int) -> None:
        if not self._at.limits.may_read(question.sender, size, self._at.steady()):
            raise WireError(f"archive: {question.sender} reads too much at once")
