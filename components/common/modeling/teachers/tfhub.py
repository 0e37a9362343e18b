"""Teachers of TensorFlow Hub: SavedModels behind a handle."""

from __future__ import annotations

from components.common.modeling.teachers.base import Teacher
from components.common.modeling.teachers.hub import resolve_handle
from components.common.modeling.teachers.savedmodel import SavedModelEmbedder
from schemas.teachers import TfHubTeacher


def load(spec: TfHubTeacher, trained_uri: str | None) -> Teacher:
    """The teacher of a specification."""
    return SavedModelEmbedder(spec, resolve_handle(spec.handle))
