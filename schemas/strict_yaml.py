"""YAML without silent losses, and of bounded cost: it is read from files that anybody may have written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from schemas.bounded import bounded, bounded_text

MAX_BYTES = 1 << 18
# Levels of mappings and lists in each other, aliases followed.
MAX_DEPTH = 50
# Of all scalars when each alias is written out.
MAX_EXPANDED_CHARACTERS = 1 << 20
_MAX_INTEGER = 2**63


class YamlError(ValueError):
    """Text that is not YAML, or more than is accepted; the message has the place and the line."""


def read_yaml(path: Path) -> Any:
    """Reads a file as :func:`parse_yaml` reads text.

    Raises:
      YamlError: If the file cannot be read, is too large, is not a UTF-8 text or is refused by the parser.
    """
    try:
        with path.open("rb") as file:
            # A device or a pipe has no size to ask for.
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise YamlError(f"{bounded_text(str(path))}: cannot be read: {bounded_text(str(error))}") from error
    if len(content) > MAX_BYTES:
        raise YamlError(f"{path}: is larger than {MAX_BYTES} bytes, the most that is accepted")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise YamlError(
            f"{path}: not UTF-8 text: byte {content[error.start]:#04x} at {error.start}: {error.reason}"
        ) from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, place: str) -> Any:
    """Parses YAML as ``yaml.safe_load`` does, but refuses what is ambiguous or out of proportion.

    Refused are a key that is given twice in a mapping, values that YAML has a type for but Python no value
    (an impossible date), integers beyond 64 bits, more than :data:`MAX_DEPTH` levels, and aliases that refer
    to themselves or come to more than :data:`MAX_EXPANDED_CHARACTERS`.

    Args:
      text: The YAML.
      place: Where it stands, for messages: a file or an option.

    Raises:
      YamlError: With the place and the line, on one line.
    """
    if len(text) > MAX_BYTES:
        raise YamlError(f"{place}: is longer than {MAX_BYTES} characters, the most that is accepted")
    try:
        return yaml.load(text, _Loader)
    except _Refused as error:
        raise YamlError(f"{place}:{error}") from error
    except yaml.YAMLError as error:
        raise YamlError(f"{place}: not YAML: {bounded_text(yaml_fault(error))}") from None


def yaml_fault(error: yaml.YAMLError) -> str:
    """What is wrong and where, without the text that stands there: it may be a secret."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = [getattr(error, "context", None), getattr(error, "problem", None)]
    problem = ": ".join(part for part in said if part) or "it cannot be read"
    # Names of aliases and tags are the text's; the parser's own are in angle brackets or one letter.
    problem = re.sub(r"(['\"])(?!<)[^'\"]{2,}\1", "here", problem)
    return f"{problem}, line {mark.line + 1}, column {mark.column + 1}" if mark else problem


class _Refused(ValueError):
    """The message begins with the line."""

    def __init__(self, node: yaml.Node | yaml.Event, what: str) -> None:
        line = node.start_mark.line + 1 if node.start_mark else 1
        super().__init__(f"{line}: {what}")


class _Loader(yaml.SafeLoader):
    """Looks at the keys as they are written: merging (``<<``) may repeat a key and override it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._level = 0
        # Of each node with its aliases written out: depth and characters; absent while it is being read.
        self._measured: dict[yaml.Node, tuple[int, int]] = {}

    def compose_node(self, parent: Any, index: Any) -> yaml.Node:
        event = self.peek_event()
        if self._level == MAX_DEPTH:
            raise _Refused(event, f"more than {MAX_DEPTH} levels deep; accepted: so many")
        self._level += 1
        node = super().compose_node(parent, index)
        self._level -= 1
        assert node is not None
        if isinstance(event, yaml.AliasEvent):
            if node not in self._measured:
                raise _Refused(event, f"the alias {bounded(event.anchor)} stands for a part that it is in")
        else:
            self._measured[node] = self._measure(node)
        if self._level + self._measured[node][0] > MAX_DEPTH:
            raise _Refused(event, f"more than {MAX_DEPTH} levels deep; accepted: so many")
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[str, yaml.ScalarNode] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            seen = first.setdefault(key.value, key)
            if seen is not key:
                raise _Refused(
                    key,
                    f"the key {bounded(key.value)} is given at line {seen.start_mark.line + 1} already; "
                    "accepted: each key once",
                )
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except (ValueError, ArithmeticError, LookupError, AttributeError, TypeError) as error:
            if isinstance(error, _Refused):
                raise
            kind = node.tag.rpartition(":")[2]
            raise _Refused(
                node, f"{bounded(node.value)} is not a value of YAML's type {bounded_text(kind)}"
            ) from None
        if isinstance(value, int) and abs(value) >= _MAX_INTEGER:
            raise _Refused(node, f"{bounded(node.value)} is an integer beyond 64 bits")
        return value

    def _measure(self, node: yaml.Node) -> tuple[int, int]:
        if isinstance(node, yaml.ScalarNode):
            return 0, len(node.value) + 1
        parts = (
            [part for pair in node.value for part in pair]
            if isinstance(node, yaml.MappingNode)
            else node.value
        )
        measured = [self._measured[part] for part in parts]
        characters = 1 + sum(size for _, size in measured)
        if characters > MAX_EXPANDED_CHARACTERS:
            raise _Refused(
                node,
                f"comes to more than {MAX_EXPANDED_CHARACTERS} characters when its aliases are written out",
            )
        return 1 + max((depth for depth, _ in measured), default=0), characters
