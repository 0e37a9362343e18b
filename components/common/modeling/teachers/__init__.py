"""Teachers of any kind behind one interface."""

from __future__ import annotations

from components.common.modeling.teachers.base import Teacher, TeacherError, one_line
from schemas.teachers import (
    ConcatTeacher,
    HuggingFaceTeacher,
    OnnxTeacher,
    SavedModelTeacher,
    TeacherSpec,
    TfHubTeacher,
    TfliteTeacher,
    in_words,
)

_ADVICE = "check that what it names is whole and readable, and of the stated kind"

__all__ = ["Teacher", "TeacherError", "load_teacher"]


def load_teacher(spec: TeacherSpec, trained_uri: str | None = None) -> Teacher:
    """Loads a teacher, ready to embed.

    Args:
      spec: What it is, its paths resolved.
      trained_uri: Folder of the ``TeacherModel`` artifact, for teachers of kind ``trained``.

    Raises:
      TeacherError: If it cannot be loaded, whatever library said so; it names the teacher.
    """
    try:
        return _load(spec, trained_uri)
    except TeacherError:
        raise
    except Exception as error:  # the libraries' errors have no common base but this
        raise TeacherError(
            f"the teacher {in_words(spec)} cannot be loaded: {type(error).__name__}: {one_line(error)}; "
            f"{_ADVICE}"
        ) from error


def _load(spec: TeacherSpec, trained_uri: str | None) -> Teacher:
    if isinstance(spec, ConcatTeacher):
        from components.common.modeling.teachers.concatenation import ConcatenatedTeacher

        return ConcatenatedTeacher([load_teacher(one, trained_uri) for one in spec.teachers], spec.name)
    if isinstance(spec, TfliteTeacher):
        from components.common.modeling.teachers.litert_chain import LiteRtChain

        return LiteRtChain(spec)
    if isinstance(spec, SavedModelTeacher):
        from components.common.modeling.teachers.saved_model import SavedModelEmbedder

        return SavedModelEmbedder(spec, spec.path)
    if isinstance(spec, TfHubTeacher):
        from components.common.modeling.teachers.hub import resolve_handle
        from components.common.modeling.teachers.saved_model import SavedModelEmbedder

        return SavedModelEmbedder(spec, resolve_handle(spec.handle))
    if isinstance(spec, OnnxTeacher):
        from components.common.modeling.teachers.onnx import OnnxNetwork

        return OnnxNetwork(spec)
    if isinstance(spec, HuggingFaceTeacher):
        from components.common.modeling.teachers.huggingface import HuggingFaceEncoder

        return HuggingFaceEncoder(spec)
    if not trained_uri:
        raise TeacherError("a teacher of kind 'trained' needs the output of TeacherTrainer")
    from components.common.modeling.teachers.trained import TrainedEmbedder

    return TrainedEmbedder(spec, trained_uri)
