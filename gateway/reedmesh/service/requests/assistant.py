"""Questions beside requests: `ask`, `why` and `report`, and which language model chooses the tools for them."""

import contextlib

from reedmesh.assistant.model.process import Loaded, ModelProcess
from reedmesh.errors import DiskError
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Entry
from reedmesh.service.composition import Parts
from reedmesh.service.requests.questions import Questions, Tables
from reedmesh.service.requests.server import RequestServer
from reedmesh.service.status import Status
from reedmesh.store.writer import Disk


def add_questions(parts: Parts, status: Status, requests: RequestServer) -> ModelProcess | None:
    """Have `requests` answer questions, too; returns the process of the language model, if one is configured."""
    wanted = parts.config.assistant
    model = ModelProcess(wanted, _ModelNote(parts.disk).take) if wanted.url or wanted.model else None
    tables = Tables(parts.config.name, status.vitals, status.learning, requests.do)
    questions = Questions(wanted, tables, model, parts.clock)
    for verb, answer in (("ask", questions.ask), ("why", questions.why), ("report", questions.report)):
        requests.add(verb, answer)
    return model


class _ModelNote:
    """Enters in the ledger which language model chooses tools here, when it is another than before."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._noted: Loaded | None = None

    async def take(self, loaded: Loaded) -> None:
        if loaded != self._noted:
            entry = Entry(ledger.ASSISTANT, sha256=loaded.sha256, reason=loaded.name)
            with contextlib.suppress(DiskError):
                await self._disk.once(self._disk.store.enter, entry)
                self._noted = loaded
