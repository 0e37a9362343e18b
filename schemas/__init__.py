"""The shapes of everything that crosses a border: artifacts, records, reports, settings.

TFX imports artifact types by the name ``schemas.<Type>``, so they are reachable here; they are
loaded on first use, because importing TFX takes seconds that ``--help`` should not pay.
"""

from __future__ import annotations

import os
from typing import Any

# The one place that chooses Keras 2: TFMOT accepts nothing else, and TensorFlow reads this
# when it is imported. Every package of the project imports `schemas` first.
os.environ["TF_USE_LEGACY_KERAS"] = "1"


def __getattr__(name: str) -> Any:
    if name.startswith("_") or not name[0].isupper():
        raise AttributeError(f"module 'schemas' has no attribute {name!r}")
    from schemas import artifacts

    return getattr(artifacts, name)
