"""TeacherEmbedder: clip records and a teacher to distillation windows."""

from __future__ import annotations

from tfx.types.standard_artifacts import Examples

from components.common.tfx.contract import BeamComponent, Input, Output, Parameter, field, output
from components.teacher_embedder.settings import TeacherEmbedderSettings
from schemas.artifacts import DistillationSet, IngestReport, TeacherModel
from schemas.teachers import needs_training


class TeacherEmbedder(BeamComponent):
    """Embeds every window of the corpus with the teacher.

    Attributes:
      examples: Clip records with the splits train and eval.
      settings: The teacher, the windows and the augmentation.
      seed: Of the augmentation.
      teacher: What a teacher of kind ``trained`` is read from.
      report: Of the clips: whether they are synthetic, and how many they are.
      noss: NOSS examples; what is tested of them is removed from the corpus (``settings.noss_duplicates``).
      min_test_speakers: The evaluator's setting, which decides of which tasks every clip is tested.
      code_digest: Fingerprint of the code, so that changed code is not answered from the cache.
      data_digest: Fingerprint of the teacher's files, for the same purpose.
      scratch_dir: Folder in which finished shards outlive a killed run; empty: nothing is kept.
      windows: The windows and their targets.
    """

    examples: Input[Examples]
    settings: Parameter[TeacherEmbedderSettings]
    seed: Parameter[int]
    teacher: Input[TeacherModel | None] = field(default=None)
    report: Input[IngestReport | None] = field(default=None)
    noss: Input[Examples | None] = field(default=None)
    min_test_speakers: Parameter[int] = field(default=0)
    code_digest: Parameter[str] = field(default="")
    data_digest: Parameter[str] = field(default="")
    scratch_dir: Parameter[str] = field(default="")
    windows: Output[DistillationSet] = output()

    def prepare(self) -> None:
        """Refuses a trained teacher that is asked for and not given, or the other way round."""
        teacher = self.settings.teacher
        if needs_training(teacher) != (self.teacher is not None):
            raise ValueError(
                "settings.teacher is of kind 'trained', so the output of TeacherTrainer is needed"
                if self.teacher is None
                else f"the output of TeacherTrainer is given, but settings.teacher is of kind "
                f"{teacher.kind!r} and does not use it"
            )
        if self.settings.noss_duplicates != "remove":
            self.noss = None
