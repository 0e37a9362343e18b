"""What a person needs to see of a component that refused its input."""

from __future__ import annotations

import shutil
from pathlib import Path


def keep_evidence(uri: str) -> Path:
    """Copies an output artifact to a folder beside it, named ``<uri>-refused``.

    TFX removes the outputs of a component that fails, and with them the very files that say why.

    Returns:
      The copy.
    """
    source = Path(uri)
    target = source.with_name(f"{source.name}-refused")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target
