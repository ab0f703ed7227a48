"""A page with a section for each gateway: its answer to one request, which the page repeats."""

from typing import Any, Generic, TypeVar

from reedmesh.dashboard.model.view import View
from reedmesh.dashboard.ui.elements import Part, Parts, Text, box
from reedmesh.dashboard.ui.query import Asked
from reedmesh.dashboard.ui.shell import Page, Visit

T = TypeVar("T")


class GatewaySections(Page, Generic[T]):
    """The page. `part` is also the verb of its request. title, about: keys of its name and of what it shows."""

    title = about = ""
    every = 30.0  # seconds between two requests

    def __init__(self, visit: Visit) -> None:
        self._known: dict[str, T] = {}
        super().__init__(visit)

    def build(self) -> None:
        """Make heading and sections; `above` comes between them."""
        Text("h1", "", self.say(self.title))
        Text("p", "quiet", self.say(self.about))
        self._fault = Text("p", "faults")
        self.above()
        self._gateways = Parts(box("div"), self.section)
        self._asked = Asked(lambda: self.each_gateway(self._ask_one), self.every, self._fault)

    def above(self) -> None:
        """Make the elements above the sections, if any."""

    def section(self) -> Part[tuple[str, T, float]]:
        """Make the section of a gateway: it draws the name, the answer, and the time in seconds since 1970."""
        raise NotImplementedError

    def read(self, answer: dict[str, Any]) -> T:
        """The frozen value of an answer."""
        raise NotImplementedError

    def draw(self, view: View, now: float) -> str:
        """Draw the sections of gateways that answered, and ask again when it is time."""
        self._asked.look(len(view.line))
        names = sorted(each.name for each in view.line)
        self._gateways.show([(each, (each, self._known[each], now)) for each in names if each in self._known])
        return self.say(self.title)

    async def _ask_one(self, name: str) -> None:
        self._known[name] = self.read(await self.ask(name, self.part))
