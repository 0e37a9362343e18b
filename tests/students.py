"""Students for tests, in fewer words."""

from __future__ import annotations

from typing import Any

from schemas.students import StudentSpec


def mobilenet(size: str = "small", width: float = 1.0, **parameters: Any) -> StudentSpec:
    """A MobileNetV3 candidate."""
    architecture = {"name": "mobilenet_v3", "size": size, "width": width}
    return StudentSpec.model_validate({"architecture": architecture, **parameters})
