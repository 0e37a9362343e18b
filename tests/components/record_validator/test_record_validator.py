from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx import types
from tfx.components import StatisticsGen
from tfx.components.statistics_gen.executor import Executor as StatisticsExecutor
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts

from components.common.store.shards import shard_path, write_shard
from components.record_validator.component import CuratedSchema, RecordValidator
from components.record_validator.curated_schema import schema_path, schema_text
from components.record_validator.executor import Executor, RecordAnomalyError, SchemaExecutor
from components.record_validator.statistics import statistics_options
from schemas.records import Clip, DistillationWindow, NossClip, Storage
from tests.components.executors import BEAM_ARGS, artifact

pytestmark = pytest.mark.slow

Edit = Callable[[tf.train.Example], None]


def audio(seed: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    return (np.random.default_rng(seed).normal(size=16_000) * 3000).astype(np.int16)


def clip(number: int) -> bytes:
    return Clip(f"clip{number}_0_1000", audio(number), ("/m/09x0r",), 44_100).to_example()


def noss_clip(number: int, split: str = "train") -> bytes:
    return NossClip(f"t/{number}.wav", audio(number), "t", split, "a", "", "", 8_000).to_example()


def window(number: int, storage: Storage = "pcm16") -> bytes:
    return DistillationWindow(f"clip{number}", 0, audio(number)[:15_600], np.ones(64, np.float16)).to_example(
        storage
    )


def validate(folder: Path, kind: Any, splits: dict[str, list[bytes]]) -> None:
    """Runs StatisticsGen's and RecordValidator's executors over records."""
    examples = artifact(standard_artifacts.Examples, folder / "examples")
    examples.split_names = artifact_utils.encode_split_names(list(splits))
    for split, records in splits.items():
        write_shard(shard_path(examples.uri, split, 0, 1), records)
    statistics = artifact(standard_artifacts.ExampleStatistics, folder / "statistics")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=BEAM_ARGS, tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    StatisticsExecutor(context).Do(
        {"examples": [examples]},
        {"statistics": [statistics]},
        {"stats_options_json": statistics_options(kind).to_json(), "exclude_splits": "[]"},
    )
    schema = artifact(standard_artifacts.Schema, folder / "schema")
    SchemaExecutor().Do({}, {"schema": [schema]}, {"schema_text": schema_text(kind)})
    anomalies = artifact(standard_artifacts.ExampleAnomalies, folder / "anomalies")
    Executor().Do(
        {"statistics": [statistics], "schema": [schema]}, {"anomalies": [anomalies]}, {"exclude_splits": "[]"}
    )


def edited(record: bytes, edit: Edit) -> bytes:
    example = tf.train.Example.FromString(record)
    edit(example)
    return bytes(example.SerializeToString())


def set_float(name: str, value: float) -> Edit:
    return lambda example: example.features.feature[name].float_list.value.__setitem__(0, value)


def set_int(name: str, value: int) -> Edit:
    return lambda example: example.features.feature[name].int64_list.value.__setitem__(0, value)


def set_bytes(name: str, value: bytes) -> Edit:
    return lambda example: example.features.feature[name].bytes_list.value.__setitem__(0, value)


def drop(name: str) -> Edit:
    return lambda example: example.features.feature.__delitem__(name)


def add(name: str) -> Edit:
    return lambda example: example.features.feature[name].int64_list.value.append(1)


def empty(name: str) -> Edit:
    return lambda example: example.features.feature[name].bytes_list.ClearField("value")


def test_construct() -> None:
    statistics = types.Channel(type=standard_artifacts.ExampleStatistics)
    schema = CuratedSchema("clip")
    component = RecordValidator(statistics=statistics, schema=schema.outputs["schema"], code_digest="abc")
    assert component.exec_properties["code_digest"] == "abc"
    assert component.outputs["anomalies"].type is standard_artifacts.ExampleAnomalies
    assert component.executor_spec.executor_class is Executor
    assert schema.outputs["schema"].type is standard_artifacts.Schema
    assert schema.exec_properties["schema_text"] == schema_path("clip").read_text()
    assert CuratedSchema("noss_clip").exec_properties["schema_text"] != schema.exec_properties["schema_text"]


def test_construct_statistics_gen_with_our_options() -> None:
    examples = types.Channel(type=standard_artifacts.Examples)
    assert StatisticsGen(examples=examples, stats_options=statistics_options("clip")).exec_properties


def test_construct_with_an_unknown_kind_fails() -> None:
    with pytest.raises(
        ValueError, match="no schema for records of kind 'film'; accepted: clip, noss_clip, dist"
    ):
        CuratedSchema("film")  # type: ignore[arg-type]


def test_good_records_of_every_kind_pass(tmp_path: Path) -> None:
    validate(tmp_path / "c", "clip", {"train": [clip(n) for n in range(5)], "eval": [clip(9)]})
    splits = {split: [noss_clip(n, split) for n in range(3)] for split in ("train", "validation", "test")}
    validate(tmp_path / "n", "noss_clip", splits)
    validate(
        tmp_path / "w", "distillation_window", {"train": [window(n) for n in range(3)], "eval": [window(9)]}
    )
    flac = [window(n, "flac") for n in range(3)]
    validate(tmp_path / "f", "distillation_window", {"train": flac, "eval": flac[:1]})


def test_every_anomaly_is_listed_and_stops_the_run(tmp_path: Path) -> None:
    edits: dict[str, tuple[Edit, str]] = {
        "clip_id": (drop("clip_id"), "Column dropped"),
        "audio": (set_bytes("audio", bytes(1_920_002)), "Num bytes exceeds the max byte size."),
        "labels": (empty("labels"), "Missing values"),
        "source_rate": (set_int("source_rate", 100), "Out-of-range values"),
        "duration_s": (set_float("duration_s", 0.0), "Out-of-range values"),
        "peak": (set_float("peak", 1.5), "Out-of-range values"),
        "rms": (set_float("rms", float("nan")), "Invalid values"),
        "extra": (add("extra"), "New column"),
    }
    broken = [edited(clip(number), edit) for number, (edit, _) in enumerate(edits.values())]
    with pytest.raises(RecordAnomalyError) as caught:
        validate(tmp_path, "clip", {"train": [clip(8)], "eval": [clip(9), *broken]})
    assert {anomaly.feature: anomaly.short for anomaly in caught.value.anomalies} == {
        feature: short for feature, (_, short) in edits.items()
    }
    assert {anomaly.split for anomaly in caught.value.anomalies} == {"eval"}
    message = str(caught.value)
    assert "the records have 8 anomalies against the curated schema" in message
    assert "split 'eval', peak: Out-of-range values: Unexpectedly high value: 1.5>1" in message
    assert "split 'eval', source_rate: Out-of-range values: Unexpectedly small value: 100." in message
    assert message.endswith(f"saved in {tmp_path / 'anomalies-refused'}")
    assert (tmp_path / "anomalies-refused/Split-eval/SchemaDiff.pb").is_file()


def test_one_clip_without_sound_stops_the_run(tmp_path: Path) -> None:
    broken = [edited(clip(3), drop("audio")), edited(clip(4), set_float("peak", 0.0))]
    with pytest.raises(RecordAnomalyError) as caught:
        validate(tmp_path, "clip", {"train": [clip(0), *broken]})
    assert "audio: Column dropped" in str(caught.value)
    assert "peak: Out-of-range values: Unexpectedly low value" in str(caught.value)


def test_an_unknown_split_of_a_noss_clip_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(RecordAnomalyError, match=r"split 'train', split: Unexpected string values: .*dev"):
        validate(tmp_path, "noss_clip", {"train": [noss_clip(1), noss_clip(2, "dev")]})


def test_a_split_without_records_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(RecordAnomalyError, match="split 'eval'"):
        validate(tmp_path, "clip", {"train": [clip(0)], "eval": []})


def test_sound_is_counted_not_read_as_text(tmp_path: Path) -> None:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    validate(tmp_path, "clip", {"train": [clip(n) for n in range(4)]})
    found = statistics_pb2.DatasetFeatureStatisticsList.FromString(
        (tmp_path / "statistics/Split-train/FeatureStats.pb").read_bytes()
    )
    (sound,) = [feature for feature in found.datasets[0].features if feature.path.step[0] == "audio"]
    assert sound.WhichOneof("stats") == "bytes_stats"
    assert sound.bytes_stats.max_num_bytes_int == 32_000
