"""TFX components, one folder each, and the room they share (``common``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import schemas as schemas
from schemas.known_architectures import provide

if TYPE_CHECKING:
    from schemas.architecture import Architecture


def _architectures() -> Mapping[str, type[Architecture]]:
    from components.common.modeling.architectures import ARCHITECTURES

    return ARCHITECTURES


provide(_architectures)
