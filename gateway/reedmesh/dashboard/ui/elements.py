"""Elements of a page: text, boxes, buttons, fields, and lists of parts that are kept in order.

No HTML is ever put together from text: every string from a broker becomes the text of an element, so the browser
cannot take it for anything else. Nor is there any script in an attribute: the page's policy would not run it.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from reedmesh.dashboard.ui.urls import within

T_contra = TypeVar("T_contra", contravariant=True)
T = TypeVar("T")


class Part(Protocol[T_contra]):
    """A piece of the page that draws values of one kind."""

    root: Element

    def show(self, value: T_contra) -> None:
        """Draw `value`."""
        ...


class Parts(Generic[T]):
    """The children of an element, one part per key, in the order of the last `show`."""

    def __init__(self, root: Element, make: Callable[[], Part[T]]) -> None:
        self.root = root
        self._make = make
        self._parts: dict[str, Part[T]] = {}

    def show(self, values: list[tuple[str, T]]) -> None:
        """Draw each value in the part of its key; parts are made, removed and moved as needed.

        Of several values with one key, which only a gateway that says something wrong gives, the last is drawn.
        """
        shown = dict(values)
        for key in self._parts.keys() - shown.keys():
            self._parts.pop(key).root.delete()
        for place, (key, value) in enumerate(shown.items()):
            if key not in self._parts:
                with self.root:
                    self._parts[key] = self._make()
            part = self._parts[key]
            part.show(value)
            if self.root.default_slot.children[place] is not part.root:
                part.root.move(self.root, place)


class Text(TextElement):
    """An element of any tag that holds text and nothing else."""

    def __init__(self, tag: str, classes: str = "", text: str = "") -> None:
        super().__init__(tag=tag, text=text)
        if classes:
            self.classes(classes)


class Row(Generic[T]):
    """A row of a table: a cell that names it, and as many others as `texts` gives of a value. labels: of columns."""

    def __init__(self, columns: int, texts: Callable[[T], Sequence[str]], labels: Sequence[str] = ()) -> None:
        self.root: Element = box("tr")
        self._texts = texts
        with self.root:
            self._cells = [Text("td" if i else "th") for i in range(columns)]
        put(self._cells[0], "scope", "row")
        for cell, label in zip(self._cells, labels, strict=False):
            put(cell, "data-label", label)  # shown beside the value where a narrow screen makes cards of rows

    def show(self, value: T) -> None:
        """Draw it."""
        for cell, text in zip(self._cells, self._texts(value), strict=True):
            cell.set_text(text)


class Tab(Element, component="tab.js"):
    """The title of the browser's tab."""

    def show(self, title: str) -> None:
        """Name the tab."""
        put(self, "title", title)


class Field(Element, component="field.js"):
    """A text field, or with `options` (value, text) a choice; `value` is what it holds."""

    def __init__(
        self,
        label: str,
        value: str = "",
        options: list[tuple[str, str]] | None = None,
        hint: str = "",
        limit: int = 500,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self.value = value
        self._changed = changed
        self._props.update({"label": label, "value": value, "hint": hint, "limit": limit})
        if options:
            self._props["options"] = options
        self.on("said", lambda event: self._take(event.args))

    def clear_text(self) -> None:
        """Empty it, for the next text."""
        self._props["value"] = self.value  # so that emptying is a change
        self.value = ""
        put(self, "value", "")

    def _take(self, said: Any) -> None:
        self.value = said[:2000] if isinstance(said, str) else ""
        self._changed()


def button(text: str, act: Callable[[], Awaitable[None] | None], classes: str = "") -> Element:
    """A button of the browser's own kind."""
    element = Text("button", classes, text)
    element.props["type"] = "button"
    element.on("click", lambda: act(), args=[])
    return element


def link(href: str, text: str, classes: str = "") -> Text:
    """A link to another page of ours."""
    element = Text("a", classes, text)
    element.props["href"] = within(href)
    return element


def box(tag: str, classes: str = "", **attributes: str) -> Element:
    """An element that holds others."""
    element = ui.element(tag)
    if classes:
        element.classes(classes)
    for name, value in attributes.items():
        element.props[name.replace("_", "-")] = value
    return element


def put(element: Element, name: str, value: str) -> None:
    """Set an attribute, and send it only when it changed."""
    value = within(value) if name == "href" else value
    if element.props.get(name) != value:
        element.props[name] = value
