"""Takes from the lock what the code needs to run, and leaves out what only its development needs.

One lock pins both, so that what is tested is what runs; the image gets the smaller part of it.

    python infra/docker/runtime_lock.py pyproject.toml requirements.lock [ALSO ...] > runtime.lock

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Collection
from pathlib import Path

_ENTRY = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==")
_VIA = re.compile(r"^    #(?: via)? +(?!via$)([A-Za-z0-9._-]+)", re.MULTILINE)


def runtime_part(project: str, lock: str, also: Collection[str] = ()) -> str:
    """The entries of a lock that runtime dependencies lead to.

    Args:
      project: Text of ``pyproject.toml``.
      lock: Text of the lock, with the ``# via`` comments that uv writes.
      also: Further names to keep, with what they need.

    Raises:
      ValueError: If a dependency is not in the lock, or an entry does not say what asks for it.
    """
    entries = {
        _normal(match["name"]): entry
        for entry in re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"\A(?:#.*\n)*", "", lock).rstrip())
        if (match := _ENTRY.match(entry))
    }
    asked_by = {name: {_normal(via) for via in _VIA.findall(entry)} for name, entry in entries.items()}
    if silent := sorted(name for name, via in asked_by.items() if not via):
        raise ValueError(f"the lock does not say what requires {', '.join(silent)}: run make lock")
    dependencies = tomllib.loads(project)["project"]["dependencies"]
    kept = {_normal(re.split(r"[\s\[<>=!~;@]", line, maxsplit=1)[0]) for line in dependencies}
    kept |= {_normal(name) for name in also}
    if missing := sorted(kept - entries.keys()):
        raise ValueError(f"not in the lock: {', '.join(missing)}: run make lock")
    while more := {name for name, via in asked_by.items() if name not in kept and via & kept}:
        kept |= more
    return "".join(f"{entry}\n" for name, entry in entries.items() if name in kept)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    texts = [Path(argument).read_text(encoding="utf-8") for argument in sys.argv[1:3]]
    sys.stdout.write(runtime_part(texts[0], texts[1], sys.argv[3:]))
