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
    source, target = Path(uri), _beside(uri)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target


def evidence_of(uri: str) -> Path | None:
    """The output artifact, or the copy that was kept of it; None if neither is there."""
    return next((folder for folder in (Path(uri), _beside(uri)) if folder.is_dir()), None)


def _beside(uri: str) -> Path:
    return Path(uri).with_name(f"{Path(uri).name}-refused")
