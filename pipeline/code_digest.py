"""Fingerprints of code, so that a changed component is run again instead of answered from the cache.

TFX's cache looks at inputs and parameters, never at a component's code.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_SHARED = ("components/audio", "components/modeling", "components/fan_in.py", "schemas")


@cache
def code_digest(component: str) -> str:
    """Digest of the sources that ``components/<component>`` is made of, its shared rooms included."""
    digest = hashlib.sha256()
    for part in (f"components/{component}", *_SHARED):
        path = _ROOT / part
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(file.relative_to(_ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
