"""Actions of an operator on an alert or a sensor: buttons, fields, and the outcome in words.

What cannot be undone by the same button asks once more. Each action carries the name of who does it.
"""

import time
from collections.abc import Awaitable, Callable

from nicegui.element import Element

from reedmesh.alerts.alert import ANOMALY
from reedmesh.alerts.debounce import UNDO
from reedmesh.dashboard.model.view import Alert
from reedmesh.dashboard.ui.elements import Field, Text, box, button
from reedmesh.dashboard.ui.language import Language
from reedmesh.errors import RefusedError

SHELVES = (15, 60, 240, 480, 1440, 10080)  # minutes

Do = Callable[..., Awaitable[None]]  # verb, its arguments


class Outcome:
    """The sentence that tells what came of the last action."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self._text = Text("p", "outcome")
        self._text.props["role"] = "status"

    async def of(self, act: Awaitable[None], done: str) -> bool:
        """Wait for an action; returns whether it was done."""
        self._text.set_text(self._say("act.wait"))
        try:
            await act
        except RefusedError as error:
            self._tell(str(error), "faults")
            return False
        self._tell(done, "done")
        return True

    def _tell(self, text: str, kind: str) -> None:
        if not self._text.is_deleted:
            self._text.set_text(text)
            self._text.classes(replace=f"outcome {kind}")


class Confirmed:
    """A button that does nothing but show what it would do, and two more: to do it, or not."""

    def __init__(self, say: Language, text: str, warning: str, act: Callable[[], Awaitable[None]]) -> None:
        self.root = box("div", "confirmed")
        self._act = act
        with self.root:
            self._first = button(text, self._open)
            self._panel = box("div", "confirm", role="group", aria_label=text)
            with self._panel:
                Text("p", "", warning)
                button(say("act.yes", what=text), self._go, "primary")
                button(say("act.no"), self._close)
        self._close()

    def _open(self) -> None:
        self._first.set_visibility(False)
        self._panel.set_visibility(True)

    def _close(self) -> None:
        self._first.set_visibility(True)
        self._panel.set_visibility(False)

    async def _go(self) -> None:
        self._close()
        await self._act()


class AlertActions:
    """Acknowledge, shelve, comment; not a fault, or which fault it was, and to take that back."""

    def __init__(self, say: Language, do: Do) -> None:
        self._say, self._do = say, do
        self._alert: Alert | None = None
        self.root = box("section", "actions", aria_label=say("act.label"))
        with self.root:
            Text("h2", "", say("act.label"))
            self._note = Field(say("act.note"), hint=say("act.note-hint"))
            self._add_verdicts(say)
            self._add_fault(say)
            self._add_shelf(say)
            self._outcome = Outcome(say)

    def _add_verdicts(self, say: Language) -> None:
        with box("div", "buttons"):
            self._ack = button(say("act.ack"), lambda: self._act("ack"), "primary")
            button(say("act.comment"), lambda: self._act("comment"))
            warning = say("act.not-a-fault-warning")
            self._normal = Confirmed(say, say("act.not-a-fault"), warning, lambda: self._act("not-a-fault"))
            self._undo = button(say("act.undo"), lambda: self._act("undo"))

    def _add_fault(self, say: Language) -> None:
        self._fault = box("div", "buttons")
        with self._fault:
            self._cause = Field(say("act.cause"), hint=say("act.cause-hint"))
            self._tags = Field(say("act.tags"), hint=say("act.tags-hint"))
            button(say("act.fault"), lambda: self._act("fault"))

    def _add_shelf(self, say: Language) -> None:
        with box("div", "buttons"):
            minutes = [(str(each), say.duration(60 * each)) for each in SHELVES]
            self._minutes = Field(say("act.shelve-for"), "60", minutes)
            self._shelve = button(say("act.shelve"), lambda: self._act("shelve"))
            self._unshelve = button(say("act.unshelve"), lambda: self._act("unshelve"))

    def show(self, alert: Alert) -> None:
        """Offer what makes sense with `alert`."""
        self._alert = alert
        machine = alert.kind == ANOMALY
        self._ack.set_visibility(not alert.over and not alert.acknowledged)
        self._normal.root.set_visibility(machine and not alert.verdict)
        self._fault.set_visibility(not alert.verdict)
        self._undo.set_visibility(bool(alert.verdict) and time.time() - (alert.until or 0.0) < UNDO)
        for element, fits in ((self._minutes, machine), (self._shelve, machine), (self._unshelve, True)):
            shelved = bool(alert.shelved_until)
            element.set_visibility(fits and not alert.over and shelved == (element is self._unshelve))

    async def _act(self, verb: str) -> None:
        if not self._alert:
            return
        about = {"sensor": self._alert.sensor} if "shelve" in verb else {"alert": self._alert.id}
        more: dict[str, object] = {"minutes": float(self._minutes.value)} if verb == "shelve" else {}
        if verb == "fault":
            more = {"cause": self._cause.value.strip(), "tags": self._tags.value.strip()}
        act = self._do(verb, text=self._note.value.strip(), **about, **more)
        if await self._outcome.of(act, self._say(f"done.{verb}")):
            self._note.clear_text()


class SensorActions:
    """Learn anew, and shelve."""

    def __init__(self, say: Language, do: Do) -> None:
        self._say, self._do = say, do
        self.root: Element = box("section", "actions", aria_label=say("act.label"))
        with self.root:
            Text("h2", "", say("act.label"))
            with box("div", "buttons"):
                Confirmed(say, say("act.relearn"), say("act.relearn-warning"), lambda: self.act("relearn"))
                Confirmed(say, say("act.rollback"), say("act.rollback-warning"), lambda: self.act("rollback"))
            with box("div", "buttons"):
                minutes = [(str(each), say.duration(60 * each)) for each in SHELVES]
                self._minutes = Field(say("act.shelve-for"), "60", minutes)
                button(say("act.shelve"), lambda: self.act("shelve"))
                self._unshelve = button(say("act.unshelve"), lambda: self.act("unshelve"))
            self._outcome = Outcome(say)

    def show(self, shelved: bool) -> None:
        """Offer to take it off the shelf if it is on one."""
        self._unshelve.set_visibility(shelved)

    async def act(self, verb: str) -> None:
        """Do it, and say what came of it."""
        more = {"minutes": float(self._minutes.value)} if verb == "shelve" else {}
        await self._outcome.of(self._do(verb, **more), self._say(f"done.{verb}"))
