"""The probes' predictions as a TFMA evaluation: accuracy by slices, and TFMA's word on the thresholds.

Slices are task, and task by class, speaker, sex, age (decades, where it is a number) and duration; clips of
which a feature is unknown are in none of its slices. A task whose classes are its speakers has no slices
by speaker. The accuracy of a class is its recall; the mean over a task's classes is its balanced accuracy,
for which TFMA has no measure of its own with more than two classes.

One evaluation a model holds all its tasks: a Beam pipeline costs seconds, whatever it evaluates. The
jackknife costs some 5 to 10 s more, TFMA's Poisson bootstrap more than a minute. In a notebook::

    import tfx.v1, tensorflow_model_analysis as tfma  # in this order

    result = tfma.load_eval_result(folder)
    tfma.view.render_slicing_metrics(result, slicing_spec=tfma.SlicingSpec(feature_keys=["task", "class"]))
    tfma.load_validation_result(folder).validation_ok  # where thresholds were set
"""

from __future__ import annotations

import csv
import json
import logging
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from components.noss_evaluator.clips import Entry
from components.noss_evaluator.settings import TfmaSettings
from components.noss_evaluator.tasks import TaskEvaluation
from components.noss_evaluator.tfma_summary import ACCURACY, TASK, TEACHER, summarise
from schemas.noss_reports import SliceFeature, TfmaSummary
from schemas.plain_text import csv_cell

FEATURES: tuple[SliceFeature, ...] = get_args(SliceFeature)
DURATION_EDGES_S = (1, 2, 5, 10)

_MODEL, _LABEL = "model", "label"
_EVERY_OTHER = "*"
_METHODS = {"jackknife": "JACKKNIFE", "bootstrap": "POISSON_BOOTSTRAP"}
# A loss of exactly what is allowed is allowed, whatever the rounding of the difference.
_ROUNDING = 1e-9
_SEED = 0

_LOG = logging.getLogger("tinytrill.noss_evaluator")


def write_tfma_evaluation(
    folder: Path,
    evaluations: Sequence[TaskEvaluation],
    settings: TfmaSettings,
    teacher_predictions: Mapping[str, str] | None = None,
) -> TfmaSummary:
    """Evaluates all tasks of one model with TFMA; thresholds that are not met are reported, not raised.

    Args:
      folder: Where TFMA writes metrics, configuration and validation, and ``slices.json`` comes to lie.
      evaluations: The tasks of one model.
      settings: Intervals and thresholds.
      teacher_predictions: The label the teacher's probe gave to each tested clip, by clip id, as
        :func:`read_predictions` reads it; without it ``max_loss`` is not judged.

    Returns:
      The slices and the outcome of the thresholds, as they were written.

    Raises:
      ValueError: If the teacher's predictions lack a tested clip.
    """
    # tfx.v1 first: without it TFMA has no EvalConfig.
    import tfx.v1  # noqa: F401, I001
    import apache_beam as beam
    import pyarrow as pa
    import tensorflow_model_analysis as tfma
    from google.protobuf import json_format

    if settings.max_loss is not None and teacher_predictions is None:
        _LOG.warning("max_loss is not judged: there are no predictions of a teacher")
    tasks = [evaluation.task.name for evaluation in evaluations]
    columns = _columns(evaluations, teacher_predictions)
    config = json_format.ParseDict(
        _config(settings, tasks, with_teacher=TEACHER in columns), tfma.EvalConfig()
    )
    models = [
        tfma.EvalSharedModel(
            model_name=spec.name, model_type="materialized_prediction", is_baseline=spec.is_baseline
        )
        for spec in config.model_specs
    ]
    kind = pa.list_(pa.string())
    batch = pa.RecordBatch.from_arrays(
        [pa.array(column, kind) for column in columns.values()], names=list(columns)
    )
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = (
            pipeline
            | beam.Create([batch])
            | tfma.ExtractEvaluateAndWriteResults(
                eval_config=config,
                eval_shared_model=models,
                output_path=str(folder),
                random_seed_for_testing=_SEED,
            )
        )
    summary = summarise(folder, settings, _thresholds_in_words(settings, tasks, TEACHER in columns))
    summary.save(folder)
    for reason in summary.reasons:
        _LOG.warning("%s: %s", folder.name, reason)
    return summary


def read_predictions(folder: Path) -> dict[str, str]:
    """Predicted label by clip id, of all tasks of one model: ``predictions/<model>/*.csv``.

    Both are as they stand in the file: as :func:`schemas.plain_text.csv_cell` writes them.

    Raises:
      ValueError: If there is no such file.
    """
    predicted: dict[str, str] = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            predicted |= {row["clip_id"]: row["predicted"] for row in csv.DictReader(file)}
    if not predicted:
        raise ValueError(f"{folder} holds no predictions: expected <task>.csv as the evaluator writes it")
    return predicted


def _columns(
    evaluations: Sequence[TaskEvaluation], teacher_predictions: Mapping[str, str] | None
) -> dict[str, list[list[str]]]:
    """One row a tested clip, each value a list; an empty list is what is unknown."""
    models = (_MODEL, TEACHER) if teacher_predictions is not None else (_MODEL,)
    columns: dict[str, list[list[str]]] = {key: [] for key in (TASK, *FEATURES, _LABEL, *models)}
    for evaluation in evaluations:
        task = evaluation.task
        labels = {csv_cell(label): label for label in task.classes}
        speaker_is_asked = task.ingested.record.speaker == "label"
        for clip, predicted in zip(evaluation.tested, evaluation.predicted, strict=True):
            columns[TASK].append([task.name])
            columns["class"].append([clip.label])
            columns["speaker"].append(_known("" if speaker_is_asked else clip.speaker_id))
            columns["sex"].append(_known(clip.sex))
            columns["age"].append(_known(_decade(clip.age)))
            columns["duration"].append(_known(_duration(clip)))
            columns[_LABEL].append([clip.label])
            columns[_MODEL].append([task.classes[predicted]])
            if teacher_predictions is not None:
                predicted_by_teacher = teacher_predictions.get(csv_cell(clip.clip_id))
                if predicted_by_teacher is None:
                    raise ValueError(
                        f"the teacher's predictions lack clip {clip.clip_id!r}: it was measured on others"
                    )
                columns[TEACHER].append([labels.get(predicted_by_teacher, predicted_by_teacher)])
    return columns


def _known(value: str) -> list[str]:
    return [value] if value else []


def _decade(age: str) -> str:
    """``37`` is of the decade ``30-39``; what is not a number stays as it is."""
    if not age.isdecimal():
        return age
    start = int(age) // 10 * 10
    return f"{start}-{start + 9}"


def _duration(clip: Entry) -> str:
    if clip.duration_s <= 0:
        return ""
    names = [f"{low}-{high} s" for low, high in zip((0, *DURATION_EDGES_S), DURATION_EDGES_S, strict=False)]
    return [*names, f"{DURATION_EDGES_S[-1]} s and more"][bisect_right(DURATION_EDGES_S, clip.duration_s)]


def _config(settings: TfmaSettings, tasks: Sequence[str], *, with_teacher: bool) -> dict[str, Any]:
    """TFMA's EvalConfig as its JSON form."""
    models: list[dict[str, Any]] = [{"name": _MODEL, "label_key": _LABEL, "prediction_key": _MODEL}]
    if with_teacher:
        models.append({"name": TEACHER, "label_key": _LABEL, "prediction_key": TEACHER, "is_baseline": True})
    thresholds: list[dict[str, Any]] = [
        {
            "slicing_specs": [{"feature_values": {TASK: task}}],
            "threshold": {"value_threshold": {"lower_bound": floor}},
        }
        for task, floor in _floors(settings, tasks).items()
    ]
    if with_teacher and settings.max_loss is not None:
        change = {"absolute": -settings.max_loss - _ROUNDING, "direction": "HIGHER_IS_BETTER"}
        thresholds.append(
            {"slicing_specs": [{"feature_keys": [TASK]}], "threshold": {"change_threshold": change}}
        )
    accuracy = {
        "class_name": "ExactMatch",
        "config": json.dumps({"name": ACCURACY}),
        "per_slice_thresholds": thresholds,
    }
    config: dict[str, Any] = {
        "model_specs": models,
        "slicing_specs": [
            {"feature_keys": [TASK]},
            *({"feature_keys": [TASK, feature]} for feature in FEATURES),
        ],
        "metrics_specs": [{"metrics": [{"class_name": "ExampleCount"}, accuracy]}],
    }
    if settings.confidence != "off":
        config["options"] = {
            "compute_confidence_intervals": True,
            "confidence_intervals": {"method": _METHODS[settings.confidence]},
        }
    return config


def _floors(settings: TfmaSettings, tasks: Sequence[str]) -> dict[str, float]:
    """Least accuracy by task. A task that was not evaluated stays: TFMA reports it as missing."""
    named = {task: floor for task, floor in settings.floors.items() if task != _EVERY_OTHER}
    if _EVERY_OTHER in settings.floors:
        named = {task: settings.floors[_EVERY_OTHER] for task in tasks} | named
    return named


def _thresholds_in_words(settings: TfmaSettings, tasks: Sequence[str], with_teacher: bool) -> list[str]:
    words = [f"accuracy of {task} at least {floor:g}" for task, floor in _floors(settings, tasks).items()]
    if with_teacher and settings.max_loss is not None:
        words.append(f"accuracy of every task at most {settings.max_loss:g} below the teacher's")
    return words
