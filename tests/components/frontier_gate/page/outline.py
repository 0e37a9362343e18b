"""An HTML page as a tree, for tests."""

from __future__ import annotations

import html.parser
from collections.abc import Iterator
from dataclasses import dataclass, field

VOID = frozenset({"meta", "link", "img", "br", "input", "hr"})
RAW = frozenset({"script", "style"})


@dataclass
class Node:
    """An element."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node | str] = field(default_factory=list)

    @property
    def classes(self) -> set[str]:
        """Its classes."""
        return set(self.attributes.get("class", "").split())

    @property
    def text(self) -> str:
        """All text that a reader sees, with single spaces."""
        return " ".join("".join(self._texts()).split())

    def __iter__(self) -> Iterator[Node]:
        """The element and all below it."""
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child

    def by_id(self, name: str) -> Node:
        """The one element with an id."""
        (found,) = [node for node in self if node.attributes.get("id") == name]
        return found

    def all(self, tag: str = "", *, classes: str = "") -> list[Node]:
        """Elements with a tag and classes."""
        return [n for n in self if tag in ("", n.tag) and set(classes.split()) <= n.classes]

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.tag not in RAW:
                yield " "
                yield from child._texts()
                yield " "


class _Parser(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("document")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop().tag == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(page: str) -> Node:
    """The page's elements; an element that is not closed, or closed twice, is an error."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert parser.open == [parser.root], f"not closed: {[node.tag for node in parser.open[1:]]}"
    return parser.root
