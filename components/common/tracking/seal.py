"""What a registered version rests on, sealed where MLflow never changes anything.

The sha256 of every file that a promotion reads stands in tags of the version. Whoever may write tags could
change a file along with its tag, so one digest over all of these tags is a parameter of the version's logged
model as well: MLflow sets a parameter once, and a version never changes the model that it comes from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from components.common.tracking.names import (
    DEVICE_TAG,
    EVIDENCE_TAG,
    FILES_TAG,
    MLFLOW_FILES_TAG,
    PARENT_RUN_TAG,
)

SEALED_TAGS = (PARENT_RUN_TAG, DEVICE_TAG, FILES_TAG, MLFLOW_FILES_TAG, EVIDENCE_TAG)

_PARAMETER = "tinytrill.seal."


def seal_parameter(device: str) -> str:
    """Name of the logged model's parameter that seals its version for a device."""
    return f"{_PARAMETER}{device}"


def seal(registered_model: str, tags: Mapping[str, str]) -> str:
    """Digest of what must not change after a version was registered.

    Args:
      registered_model: Its name.
      tags: Of the version; those of ``SEALED_TAGS`` count.
    """
    sealed = [registered_model, *(tags.get(tag, "") for tag in SEALED_TAGS)]
    return hashlib.sha256(json.dumps(sealed).encode()).hexdigest()
