"""YAML without silent losses: a key that is given twice is refused."""

from __future__ import annotations

import re
from typing import Any

import yaml

from schemas.secrets import redact


class YamlError(ValueError):
    """Text that is no YAML, or has a key twice; the message has the place and the line."""


def parse_yaml(text: str, place: str) -> Any:
    """Parses YAML as ``yaml.safe_load`` does, but refuses a mapping that has a key twice.

    Args:
      text: The YAML.
      place: Where it stands, for messages: a file or an option.

    Raises:
      YamlError: With the place and the line.
    """
    try:
        return yaml.load(text, _Loader)
    except _DuplicateKey as error:
        raise YamlError(f"{place}:{error}") from error
    except yaml.YAMLError as error:
        raise YamlError(f"{place}: not YAML: {yaml_fault(error)}") from None


def yaml_fault(error: yaml.YAMLError) -> str:
    """What is wrong and where, without the text that stands there: it may be a secret."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "context", None) or "it cannot be read"
    # Names of aliases and tags are the text's; the parser's own are in angle brackets or one letter.
    problem = re.sub(r"(['\"])(?!<)[^'\"]{2,}\1", "here", problem)
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem


class _DuplicateKey(ValueError):
    pass


class _Loader(yaml.SafeLoader):
    """Looks at the keys as they are written: merging (``<<``) may repeat a key and override it."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[str, yaml.ScalarNode] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            seen = first.setdefault(key.value, key)
            if seen is not key:
                raise _DuplicateKey(
                    f"{key.start_mark.line + 1}: the key {redact(key.value)!r} is given at line "
                    f"{seen.start_mark.line + 1} already; accepted is each key once"
                )
        return node
