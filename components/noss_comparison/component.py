"""The ``NossComparison`` component: all reports of the benchmark in, one comparison out."""

from __future__ import annotations

from tfx.types.standard_artifacts import Examples

from components.common.tfx.contract import (
    Component,
    Input,
    InputList,
    Output,
    Parameter,
    PerCandidate,
    field,
    output,
)
from components.noss_comparison.settings import NossComparisonSettings
from schemas import artifacts


class NossComparison(Component):
    """Puts students, teacher and references side by side.

    Attributes:
      noss: Report of each candidate.
      teacher: Report of the teacher; none: the models are compared with each other alone.
      references: Reports of the baselines and of each reference model; may be empty.
      examples: NOSS clips, for the task set at their top.
      settings: How much is compared.
      code_digest: Digest of the component's code, for the cache.
      comparison: The comparison with its tables and its picture.
    """

    noss: PerCandidate[artifacts.NossReport]
    references: InputList[artifacts.NossReport] = field(key="reference")
    examples: Input[Examples]
    settings: Parameter[NossComparisonSettings]
    teacher: Input[artifacts.NossReport | None] = field(default=None)
    code_digest: Parameter[str] = field(default="")
    comparison: Output[artifacts.NossComparison] = output()
