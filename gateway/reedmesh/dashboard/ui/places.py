"""Where to look for an alert's cause, as the gateway's tables say it, and whether that helped."""

from collections.abc import Awaitable, Callable
from functools import partial

from nicegui.element import Element

from reedmesh.dashboard.model.replies import Reply
from reedmesh.dashboard.ui.elements import Parts, Text, box, button
from reedmesh.dashboard.ui.language import Language
from reedmesh.errors import RefusedError

PLACE = "look."  # what the kinds of facts begin with that name a place
HEAD = "look.head"  # "Places to look at on press-2 (no diagnosis):"

Judge = Callable[[str], Awaitable[None]]  # "helped" or "wrong"


class PlacesPart:
    """Of one alert. judge: keeps what an operator thinks of it; None for who only looks."""

    def __init__(self, say: Language, judge: Judge | None) -> None:
        self._say, self._judge = say, judge
        self._judged_it = False
        self.root = box("section", "places", aria_label=say("alert.look"))
        with self.root:
            Text("h2", "", say("alert.look"))
            self._none = Text("p", "quiet", say("alert.no-look"))
            self._lines: Parts[str] = Parts(box("ul"), Line)
            self._judging = box("div", "buttons")
            with self._judging:
                button(say("question.helped"), partial(self._judge_it, "helped"))
                button(say("question.wrong"), partial(self._judge_it, "wrong"))
            self._outcome = Text("p", "outcome")
            self._outcome.props["role"] = "status"

    def show(self, reply: Reply) -> None:
        """Draw the places that the answer names."""
        places = [each.text for each in reply.lines if each.kind.startswith(PLACE) and each.kind != HEAD]
        self._none.set_visibility(not places)
        self._lines.show([(str(i), each) for i, each in enumerate(places)])
        self._judging.set_visibility(bool(self._judge and places and not self._judged_it))

    async def _judge_it(self, verdict: str) -> None:
        if not self._judge:
            return
        try:
            await self._judge(verdict)
        except RefusedError as error:
            self._outcome.set_text(str(error))
            return
        self._judged_it = True
        self._judging.set_visibility(False)
        self._outcome.set_text(self._say("question.thanks"))


class Line:
    """One line of the list of places."""

    def __init__(self) -> None:
        self.root: Element = Text("li")

    def show(self, value: str) -> None:
        """Draw its sentence."""
        assert isinstance(self.root, Text)
        self.root.set_text(value)
