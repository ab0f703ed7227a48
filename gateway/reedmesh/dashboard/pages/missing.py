"""The page of an address where there is nothing, with a way back."""

from reedmesh.dashboard.model.view import View
from reedmesh.dashboard.ui.elements import Text, box, link
from reedmesh.dashboard.ui.shell import Page


class MissingPage(Page):
    """Says so in the frame of all pages."""

    part = ""

    def build(self) -> None:
        """Make its one section."""
        with box("section", "missing"):
            Text("h1", "", self.say("missing.title"))
            Text("p", "", self.say("missing.text", path=self.visit.path[:100]))
            link("/", self.say("missing.back"), "back")

    def draw(self, view: View, now: float) -> str:  # noqa: ARG002 - as every page
        """Nothing changes on it."""
        return self.say("missing.title")
