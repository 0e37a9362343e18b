"""The blessed students of a run as SavedModels, each held against the float file of the same student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.common.store.publishing import publish
from components.tflite_converter.checks import GOLDEN_EMBEDDING, GOLDEN_INPUT
from pipeline.configuration.config_file import ConfigError
from pipeline.local.layout import RunLayout
from pipeline.local.metadata import newest_run
from pipeline.local.runner import RunFailed
from schemas.push_reports import FrontierIndex
from schemas.settings import UnreadableReport
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import TfliteReport

# Two implementations of the same float32 sums, of embeddings whose largest value is 1.
LARGEST_DIFFERENCE = 1e-3
FLOAT = "wave-float32"


@dataclass(frozen=True)
class Blessed:
    """A blessed student of a run.

    Attributes:
      candidate_id: Of the student.
      model: Folder of its ``StudentModel``.
      variants: Folder of its TFLite files; None: there is none.
    """

    candidate_id: str
    model: Path
    variants: Path | None

    def float_file(self) -> tuple[Path, Path] | None:
        """Its accepted float file and the golden vectors of that; None if there is none with both."""
        if self.variants is None:
            return None
        accepted = TfliteReport.load(self.variants).accepted
        found = next((one for one in accepted if one.name == FLOAT and one.golden), None)
        return (self.variants / found.file, self.variants / found.golden) if found else None


@dataclass(frozen=True)
class Exported:
    """One student as a SavedModel.

    Attributes:
      folder: Of the SavedModel.
      difference: Largest difference from the float file's embeddings, as a share of their largest value;
        None: the student has no float file.
    """

    folder: Path
    difference: float | None


def blessed_students(layout: RunLayout, names: Sequence[str] = ()) -> list[Blessed]:
    """The blessed students of the newest verdict.

    Args:
      layout: The run's folder.
      names: Candidate ids; none: all that are blessed.

    Raises:
      ConfigError: If nothing was pushed, a name is not blessed, or its student is gone.
    """
    try:
        index = FrontierIndex.load(layout.pushed)
    except UnreadableReport as error:
        raise ConfigError(f"--output {layout.root}: nothing was pushed: {error}") from error
    blessed = sorted({model.candidate_id for model in index.models})
    if unknown := sorted(set(names) - set(blessed)):
        raise ConfigError(f"{unknown[0]!r} is no blessed student; accepted: {', '.join(blessed)}")
    students, variants = _artifacts(layout)
    wanted = list(dict.fromkeys(names)) or blessed
    if gone := [name for name in wanted if name not in students]:
        raise ConfigError(
            f"{gone[0]}: its StudentModel is gone from {layout.artifacts}; run the configuration again"
        )
    return [Blessed(name, students[name], variants.get(name)) for name in wanted]


def export(student: Blessed, target: Path) -> Exported:
    """Writes one student, and asks what was written about the golden vectors of its float file.

    Args:
      student: Of the run.
      target: Folder of the SavedModel.

    Raises:
      RunFailed: If it does not say what the float file says; nothing is written then.
    """
    from components.common.modeling.saved_model import save_model
    from components.common.modeling.student import load_student

    with publish(target) as partial:
        save_model(load_student(str(student.model)), partial)
        difference = _difference(partial, student)
        if difference is not None and not difference <= LARGEST_DIFFERENCE:
            raise RunFailed(
                f"{student.candidate_id}: the SavedModel differs from {FLOAT} by {difference:.2g} of the "
                f"largest value; {LARGEST_DIFFERENCE:g} is rounding"
            )
    return Exported(target, difference)


def _artifacts(layout: RunLayout) -> tuple[dict[str, Path], dict[str, Path]]:
    """Folders of the newest run's students and of their TFLite files, by candidate id."""
    students, variants = {}, {}
    for node in newest_run(layout).values():
        try:
            if node.node_id.startswith("StudentTrainer."):
                place = node.outputs["model"]
                students[StudentInfo.load(place).candidate_id] = Path(place)
            elif node.node_id.startswith("TfliteConverter."):
                place = node.outputs["variants"]
                variants[TfliteReport.load(place).candidate_id] = Path(place)
        except (KeyError, UnreadableReport):  # failed, or deleted: whoever asks for it is told
            continue
    return students, variants


def _difference(folder: Path, student: Blessed) -> float | None:
    import tensorflow as tf

    files = student.float_file()
    if files is None:
        return None
    with np.load(files[1], allow_pickle=False) as golden:
        expected = golden[GOLDEN_EMBEDDING]
        given = tf.saved_model.load(str(folder))(tf.constant(golden[GOLDEN_INPUT])).numpy()
    return float(np.abs(given - expected).max() / np.abs(expected).max())
