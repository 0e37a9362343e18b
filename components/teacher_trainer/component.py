"""TeacherTrainer: clip records to a teacher."""

from __future__ import annotations

from tfx.types.standard_artifacts import Examples

from components.common.tfx.contract import Component, Input, Output, Parameter, field, output
from components.teacher_trainer.settings import TeacherTrainerSettings
from schemas.artifacts import TeacherModel
from schemas.students import FrontEndSpec


class TeacherTrainer(Component):
    """Trains a teacher without labels: windows of a clip belong together (TRILL's triplets, or COLA).

    Attributes:
      examples: Clip records with the splits train and eval.
      settings: The network and how it is trained.
      front_end: Its log-mel front end.
      seed: Of initialisation, order, pairs and views.
      scratch_dir: Folder for checkpoints; may be emptied between runs.
      code_digest: Fingerprint of the code, so that changed code is not answered from the cache.
      model: The teacher.
    """

    examples: Input[Examples]
    settings: Parameter[TeacherTrainerSettings]
    front_end: Parameter[FrontEndSpec]
    seed: Parameter[int]
    scratch_dir: Parameter[str]
    code_digest: Parameter[str] = field(default="")
    model: Output[TeacherModel] = output()
