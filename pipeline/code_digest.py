"""Fingerprints of code, so that a changed component is run again instead of answered from the cache.

TFX's cache looks at inputs and parameters, never at a component's code. A component is what lies in its
folder and what that imports of the project, and no more: a new network must not make AudioSet be
ingested again.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


@cache
def code_digest(component: str) -> str:
    """Digest of the sources that ``components/<component>`` is made of."""
    digest = hashlib.sha256()
    for file in sorted(sources(component)):
        digest.update(file.relative_to(_ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def sources(component: str) -> set[Path]:
    """All files of a component's folder, and the project's modules that they import, directly or not."""
    folder = _ROOT / "components" / component
    found: set[Path] = set()
    waiting = [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imported(file) if file.suffix == ".py" else []
    return found


def _imported(file: Path) -> Iterator[Path]:
    """Files of the project's modules that a module names in its import statements, at any depth.

    A package that finds its own modules imports all of them.
    """
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        if "pkgutil" in names:
            yield from file.parent.glob("*.py")
        for name in names:
            path = _ROOT.joinpath(*name.split("."))
            yield from (place for place in (path.with_suffix(".py"), path / "__init__.py") if place.is_file())
