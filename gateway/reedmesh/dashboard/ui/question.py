"""The question box: a question, the answers of gateways, links to the evidence, and examples."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from nicegui.element import Element

from reedmesh.dashboard.model.replies import Reply, ReplyLine, worth_showing
from reedmesh.dashboard.ui.elements import Field, Parts, Text, box, button, link, put
from reedmesh.dashboard.ui.language import Language
from reedmesh.dashboard.ui.urls import to_alert, to_sensor
from reedmesh.errors import RefusedError

LONGEST = 300  # characters that a gateway reads of a question
PAGES = {"overview": "/", "handover": "/handover", "learning": "/learning", "settings": "/settings"}

AskLine = Callable[..., Awaitable[list[Reply]]]  # verb, its arguments -> what each gateway that can be asked answers
Judge = Callable[[Reply, str], Awaitable[None]]  # an answer, "helped" or "wrong"


class QuestionBox:
    """Of one page. judge: keeps what an operator thinks of an answer; None for who only looks."""

    def __init__(self, say: Language, ask: AskLine, judge: Judge | None) -> None:
        self._say, self._ask, self._judge = say, ask, judge
        self.root: Element = box("section", "question", aria_label=say("question.label"))
        with self.root:
            with box("form") as form, box("div", "buttons"):
                self._field = Field(say("question.label"), hint=say("question.hint"), limit=LONGEST)
                Text("button", "primary", say("question.ask"))
                button(say("question.report"), self._report)
            form.on("submit.prevent", self._submit, args=[])
            self._outcome = Text("p", "faults")
            self._outcome.props["role"] = "status"
            self._replies: Parts[Reply] = Parts(box("div", aria_live="polite"), self._part)

    async def ask(self, text: str) -> None:
        """Ask `text`, and show what comes of it."""
        if text.strip():
            await self._tell("ask", text=" ".join(text.split()))

    async def _submit(self) -> None:
        await self.ask(self._field.value)

    async def _report(self) -> None:
        await self._tell("report")

    async def _tell(self, verb: str, **arguments: str) -> None:
        self._outcome.set_text("")
        try:
            replies = worth_showing(await self._ask(verb, language=self._say.code, **arguments))
        except RefusedError as error:
            replies, fault = [], str(error)
        else:
            fault = "" if replies else self._say("question.nobody")
        if not self._outcome.is_deleted:
            self._outcome.set_text(fault)
            self._replies.show([(f"{each.gateway}", each) for each in replies])

    def _part(self) -> "ReplyPart":
        return ReplyPart(self._say, self.ask, self._judge)


class ReplyPart:
    """The answer of one gateway."""

    def __init__(self, say: Language, ask: Callable[[str], Awaitable[None]], judge: Judge | None) -> None:
        self._say, self._ask, self._judge = say, ask, judge
        self._reply = Reply("")
        self.root: Element = box("div", "reply")
        with self.root:
            self._gateway = Text("h3")
            self._lines: Parts[tuple[str, str]] = Parts(box("ul"), lambda: ReplyLinePart(say))
            self._offered: Parts[str] = Parts(box("div", "buttons"), lambda: OfferPart(self._ask))
            self._by = Text("p", "quiet")
            self._judging = box("div", "buttons")
            with self._judging:
                button(say("question.helped"), partial(self._judged, "helped"))
                button(say("question.wrong"), partial(self._judged, "wrong"))
            self._thanks = Text("p", "outcome done")

    def show(self, value: Reply) -> None:
        """Draw it."""
        self._reply = value
        self._gateway.set_text(value.gateway)
        first = [each for each in value.lines if each.kind.startswith("can.")][:1]
        lines = [*value.facts, *first]
        self._lines.show([(str(i), row) for i, row in enumerate(linked(value.gateway, lines))])
        self._offered.show([(each, each) for each in value.suggestions])
        by_model = value.by not in ("", "template")
        self._by.set_text(value.trouble or (self._say("question.by", model=value.by) if by_model else ""))
        self._judging.set_visibility(bool(self._judge and value.alert))
        self._thanks.set_text("")

    async def _judged(self, verdict: str) -> None:
        if self._judge:
            try:
                await self._judge(self._reply, verdict)
            except RefusedError as error:
                self._by.set_text(str(error))
            else:
                self._judging.set_visibility(False)
                self._thanks.set_text(self._say("question.thanks"))


class ReplyLinePart:
    """A sentence, with a link to its evidence."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root: Element = box("li")
        with self.root:
            self._text = Text("span")
            self._link = link("", say("question.evidence"), "quiet")

    def show(self, value: tuple[str, str]) -> None:
        """Draw a sentence; "" instead of an address: the evidence is linked above."""
        text, href = value
        self._text.set_text(text)
        put(self._link, "href", href)
        self._link.set_visibility(bool(href))


class OfferPart:
    """A question that can be asked by a click."""

    def __init__(self, ask: Callable[[str], Awaitable[None]]) -> None:
        self._text = ""
        self._ask = ask
        self.root: Element = button("", self._go)

    def show(self, value: str) -> None:
        """Draw its words."""
        self._text = value
        assert isinstance(self.root, Text)
        self.root.set_text(value)

    async def _go(self) -> None:
        await self._ask(self._text)


def linked(gateway: str, lines: Sequence[ReplyLine]) -> list[tuple[str, str]]:
    """Each sentence with the address of its evidence, which is given once."""
    hrefs = [_href(gateway, each) for each in lines]
    return [(each.text, "" if hrefs[i] in hrefs[:i] else hrefs[i]) for i, each in enumerate(lines)]


def _href(gateway: str, line: ReplyLine) -> str:
    if line.alert:
        return to_alert(gateway, line.alert)
    return to_sensor(gateway, line.sensor) if line.sensor else PAGES.get(line.page, "")
