"""StudentTrainer: distillation windows to one student."""

from __future__ import annotations

from components.common.tfx.contract import Component, Input, Output, Parameter, field, output
from components.student_trainer.settings import Siblings, TrainingSettings
from schemas.artifacts import DistillationSet, SearchDecision, StudentModel
from schemas.students import FrontEndSpec, StudentSpec


class StudentTrainer(Component):
    """Distils one student from the teacher's embeddings.

    Attributes:
      windows: What it learns from.
      spec: What the student is made of.
      settings: How it is trained.
      front_end: Of the run; ``spec.front_end`` says where the student's differs.
      seed: Of initialisation and order.
      scratch_dir: Folder for checkpoints and computed log-mels; may be emptied between runs.
      decision: Of a search: a candidate that it leaves out is written down and not trained.
      siblings: Of a search's short training: the students of the same network that it is to judge.
      start: The model of the candidate that ``spec.warm_start`` names.
      code_digest: Fingerprint of the code, so that changed code is not answered from the cache.
      model: The student.
    """

    windows: Input[DistillationSet]
    spec: Parameter[StudentSpec]
    settings: Parameter[TrainingSettings]
    front_end: Parameter[FrontEndSpec]
    seed: Parameter[int]
    scratch_dir: Parameter[str]
    start: Input[StudentModel | None] = field(default=None)
    decision: Input[SearchDecision | None] = field(default=None)
    siblings: Parameter[Siblings | None] = field(default=None)
    code_digest: Parameter[str] = field(default="")
    model: Output[StudentModel] = output()

    def prepare(self) -> None:
        """Refuses a start that is not asked for, or not given."""
        spec = self.spec
        if bool(spec.warm_start) != (self.start is not None):
            raise ValueError(
                f"{spec.candidate_id} starts from {spec.warm_start!r}, whose StudentModel is not given"
                if spec.warm_start
                else f"{spec.candidate_id} starts from scratch, but a StudentModel to start from is given"
            )
