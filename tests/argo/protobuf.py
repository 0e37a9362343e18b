"""Protocol buffers as JSON, as Go writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format


def stable_json(value: Any) -> str:
    """JSON as Go's ``encoding/json`` writes what ``protojson`` made: sorted, compact, safe within HTML."""
    text = json.dumps(_whole(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _whole(value: Any) -> Any:
    """Numbers without a fraction as Go writes them: 1, not 1.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _whole(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return value


def kept_by(message: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    """What a protocol buffer keeps of a value: defaults are left out."""
    kept: dict[str, Any] = json_format.MessageToDict(json_format.ParseDict(value, message))
    return kept
