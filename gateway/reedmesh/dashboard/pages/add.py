"""Add: what makes a line larger, on a page of its own; an empty overview shows the same."""

from reedmesh.dashboard.model.view import View
from reedmesh.dashboard.ui.elements import Text
from reedmesh.dashboard.ui.first_steps import FirstSteps
from reedmesh.dashboard.ui.shell import Page


class AddPage(Page):
    """The first steps, at any time."""

    part = "add"

    def build(self) -> None:
        """Make the cards."""
        Text("h1", "", self.say("nav.add"))
        add_steps(self)

    def draw(self, view: View, now: float) -> str:  # noqa: ARG002, as every page
        """Nothing on it changes by itself."""
        return self.say("nav.add")


def add_steps(page: Page) -> FirstSteps:
    """The cards on a page, which asks all gateways that can be heard."""

    async def send(by: str) -> None:
        async def one(gateway: str) -> None:
            await page.ask(gateway, "test-alert", by=by)

        await page.each_gateway(one)

    async def invited(by: str) -> list[str]:
        found: list[str] = []

        async def one(gateway: str) -> None:
            found.append(await page.feed.invitation(gateway, by))

        await page.each_gateway(one)
        return [each for each in found if each]

    return FirstSteps(page.say, send, invited, page.user.acts, page.user.name)
