"""Whether this container's installation works; exit code 1 and the reasons, if not.

Cheap by default: all distributions are those of the lock, the native libraries that every task loads can be
loaded, and the user can write where tasks write. ``--thorough`` (as the image is built) looks at everything
as ``pipeline_runner.py doctor`` does, which loads TensorFlow and TFX.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2]
# One native library each: numbers, sound, TFLite, records and their wire form.
MODULES = (
    "numpy",
    "soundfile",
    "soxr",
    "ai_edge_litert.interpreter",
    "pyarrow",
    "google.protobuf.message",
    "pipeline.configuration.config",
)
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def faults(lock: Path, folders: tuple[Path, ...]) -> Iterator[str]:
    """What is wrong, one line each.

    Args:
      lock: What was installed.
      folders: Tasks write below them.
    """
    for name, wanted in _PINNED.findall(lock.read_text(encoding="utf-8")):
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "missing"
        if found != wanted:
            yield f"{name}: {wanted} is locked, found {found}"
    for module in MODULES:
        try:
            importlib.import_module(module)
        except Exception as error:
            yield f"{module}: {type(error).__name__}: {error}"
    for folder in folders:
        if not os.access(folder, os.W_OK | os.X_OK):
            yield f"{folder}: user {os.getuid()} (groups {os.getgroups()}) cannot write there"


def main(arguments: list[str]) -> int:
    """Looks, and says what is wrong."""
    sys.path.insert(0, str(PROGRAM))
    found = list(faults(Path(sys.prefix) / "runtime.lock", (Path(tempfile.gettempdir()), Path.home())))
    for fault in found:
        print(fault, file=sys.stderr)
    if found or "--thorough" not in arguments:
        return min(1, len(found))
    return subprocess.run([sys.executable, PROGRAM / "pipeline_runner.py", "doctor"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
