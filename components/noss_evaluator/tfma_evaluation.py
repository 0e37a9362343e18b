"""The probes' predictions as a TFMA evaluation, sliced by task, class and speaker.

One evaluation a model holds all its tasks: a Beam pipeline costs seconds, whatever it evaluates. Read it
with ``tensorflow_model_analysis.load_eval_result(folder)`` after ``import tfx.v1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.noss_evaluator.tasks import TaskEvaluation

TASK, CLASS, SPEAKER = "task", "class", "speaker"
LABEL, PREDICTION = "label", "prediction"
UNKNOWN_SPEAKER = "(unknown)"

_CONFIG = f"""
model_specs {{ label_key: "{LABEL}" prediction_key: "{PREDICTION}" }}
slicing_specs {{ feature_keys: ["{TASK}"] }}
slicing_specs {{ feature_keys: ["{TASK}", "{CLASS}"] }}
slicing_specs {{ feature_keys: ["{TASK}", "{SPEAKER}"] }}
metrics_specs {{
  metrics {{ class_name: "ExampleCount" }}
  metrics {{ class_name: "SparseCategoricalAccuracy" }}
}}
"""


def write_tfma_evaluation(folder: Path, evaluations: Sequence[TaskEvaluation]) -> None:
    """Evaluates all tasks of one model with TFMA and stores the result in TFMA's own form.

    Args:
      folder: Where TFMA writes metrics and configuration.
      evaluations: The tasks of one model.
    """
    # tfx.v1 first: without it TFMA has no EvalConfig.
    import tfx.v1  # noqa: F401, I001
    import apache_beam as beam
    import pyarrow as pa
    import tensorflow_model_analysis as tfma
    from google.protobuf import text_format

    config = text_format.Parse(_CONFIG, tfma.EvalConfig())
    batch = pa.RecordBatch.from_pydict(_columns(evaluations))
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = (
            pipeline
            | beam.Create([batch])
            | tfma.ExtractEvaluateAndWriteResults(eval_config=config, output_path=str(folder))
        )


def _columns(evaluations: Sequence[TaskEvaluation]) -> dict[str, list[Any]]:
    """One row a test clip, each value a list, as TFMA reads them.

    Class indices are the task's own, probabilities are padded with zeros to the longest list.
    """
    width = max(len(evaluation.task.classes) for evaluation in evaluations)
    columns: dict[str, list[Any]] = {key: [] for key in (TASK, CLASS, SPEAKER, LABEL, PREDICTION)}
    for evaluation in evaluations:
        clips = evaluation.tested
        padding = ((0, 0), (0, width - len(evaluation.task.classes)))
        columns[TASK] += [[evaluation.task.name]] * len(clips)
        columns[CLASS] += [[clip.label] for clip in clips]
        columns[SPEAKER] += [[clip.speaker_id or UNKNOWN_SPEAKER] for clip in clips]
        columns[LABEL] += [[evaluation.task.classes.index(clip.label)] for clip in clips]
        columns[PREDICTION] += np.pad(evaluation.probabilities, padding).tolist()
    return columns
