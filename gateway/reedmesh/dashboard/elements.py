"""Elements of a page: text, boxes, and lists of parts that are kept in order.

No HTML is ever put together from text: every string from a broker becomes the text of an element, so the browser
cannot take it for anything else.
"""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

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
        self._root = root
        self._make = make
        self._parts: dict[str, Part[T]] = {}

    def show(self, values: list[tuple[str, T]]) -> None:
        """Draw each value in the part of its key; parts are made, removed and moved as needed."""
        for key in self._parts.keys() - dict(values).keys():
            self._parts.pop(key).root.delete()
        for place, (key, value) in enumerate(values):
            if key not in self._parts:
                with self._root:
                    self._parts[key] = self._make()
            part = self._parts[key]
            part.show(value)
            if self._root.default_slot.children[place] is not part.root:
                part.root.move(self._root, place)


class Text(TextElement):
    """An element of any tag that holds text and nothing else."""

    def __init__(self, tag: str, classes: str = "", text: str = "") -> None:
        super().__init__(tag=tag, text=text)
        self.classes(classes)


def box(tag: str, classes: str = "", **attributes: str) -> Element:
    """An element that holds others."""
    element = ui.element(tag).classes(classes)
    for name, value in attributes.items():
        element.props[name.replace("_", "-")] = value
    return element


def put(element: Element, name: str, value: str) -> None:
    """Set an attribute, and send it only when it changed."""
    if element.props.get(name) != value:
        element.props[name] = value
