"""What a new line needs: a sensor, a neighbour, a recording, a test alert; each with the exact command, or a button."""

from collections.abc import Awaitable, Callable

from reedmesh.dashboard.ui.actions import Outcome
from reedmesh.dashboard.ui.elements import Text, box, button
from reedmesh.dashboard.ui.language import Language
from reedmesh.dashboard.ui.qr import qr_code
from reedmesh.errors import RefusedError

COMMANDS = {
    "sensor": "sudo reedmesh sensor add press3 --board esp32s3 --ssid 'Hall 5'",
    "neighbour": "sudo reedmesh invite",
    "recording": "reedmesh import fan.csv --rate 200 --learn",
}
Send = Callable[[str], Awaitable[None]]  # a test alert, by whom
Invited = Callable[[str], Awaitable[list[str]]]  # the open invitations, for whom


class FirstSteps:
    """The cards. acts: whether who looks, called `name`, may do something."""

    def __init__(self, say: Language, send: Send, invited: Invited, acts: bool, name: str) -> None:
        self._say, self._send_test, self._invitations = say, send, invited
        self._name = name or say("first.somebody")
        self.root = box("section", "first", aria_label=say("first.title"))
        with self.root:
            Text("h2", "", say("first.title"))
            Text("p", "quiet", say("first.about"))
            with box("div", "steps"):
                for step in ("sensor", "neighbour", "recording"):
                    self._card(step, acts)
                with box("div", "step"):
                    self._test_alert(acts)

    def _card(self, step: str, acts: bool) -> None:
        with box("div", "step"):
            Text("h3", "", self._say(f"first.{step}"))
            Text("p", "", self._say(f"first.{step}-about"))
            Text("code", "command", COMMANDS[step])
            if step == "neighbour":
                Text("p", "", self._say("first.neighbour-then"))
                Text("code", "command", "sudo reedmesh join rm1.…")
                if acts:
                    button(self._say("first.invitation"), self._show_invitation)
                    self._open = box("div", "invitation")
                    self._invited = Outcome(self._say)

    def _test_alert(self, acts: bool) -> None:
        Text("h3", "", self._say("first.test"))
        Text("p", "", self._say("first.test-about"))
        if acts:
            button(self._say("first.test-send"), self._send, "primary")
        Text("code", "command", "reedmesh test-alert")
        self._sent = Outcome(self._say)

    async def _send(self) -> None:
        await self._sent.of(self._send_test(self._name), self._say("first.test-sent"))

    async def _show_invitation(self) -> None:
        found: list[str] = []

        async def look() -> None:
            found.extend(await self._invitations(self._name))
            if not found:
                raise RefusedError(self._say("first.no-invitation"))

        self._open.clear()
        if await self._invited.of(look(), self._say("first.invitation-open")):
            with self._open:
                for token in found:
                    qr_code(token, self._say("first.qr"))
                    Text("code", "command", f"sudo reedmesh join {token}")
