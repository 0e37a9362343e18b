"""Teachers of any kind behind one interface.

A kind is a module here, called as ``kind`` is in a configuration; its ``load(spec, trained_uri)`` makes the
teacher. A concatenation is made of others.
"""

from __future__ import annotations

from components.common.modeling.teachers.base import Teacher, TeacherError, one_line
from components.common.modeling.teachers.concatenation import ConcatenatedTeacher
from components.common.registry.modules import KindModules
from schemas.teachers import ConcatTeacher, TeacherSpec, in_words

_KINDS = KindModules(__name__, __path__)

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
        return ConcatenatedTeacher([load_teacher(one, trained_uri) for one in spec.teachers], spec.name)
    teacher: Teacher = _KINDS[spec.kind].load(spec, trained_uri)
    return teacher
