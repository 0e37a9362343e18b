"""AudioIngest, StatisticsGen and RecordValidator together, as TFX runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx.components import StatisticsGen

from components.audio_ingest import executor as audio_ingest_executor
from components.audio_ingest.component import AudioIngest
from components.audio_ingest.corpus_requests import CorpusRequest
from components.audio_ingest.settings import AudioIngestSettings
from components.common.audio.decode import DecodedAudio
from components.record_validator.component import CuratedSchema, RecordValidator
from components.record_validator.statistics import statistics_options
from tests.components.audio_ingest.corpora import make_corpus, ytid
from tests.components.executors import BEAM_ARGS

pytestmark = pytest.mark.slow


def run_pipeline(folder: Path) -> None:
    ingest = AudioIngest(AudioIngestSettings(root=str(folder / "corpus")))
    statistics = StatisticsGen(examples=ingest.outputs["examples"], stats_options=statistics_options("clip"))
    schema = CuratedSchema("clip")
    validator = RecordValidator(statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"])
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="records",
        pipeline_root=str(folder / "artifacts"),
        components=[ingest, statistics, schema, validator],
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(folder / "metadata.db")
        ),
        beam_pipeline_args=BEAM_ARGS,
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)


def states(folder: Path) -> dict[str, int]:
    """Last known state of the executions of each component type."""
    config = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(folder / "metadata.db"))
    from ml_metadata.metadata_store import metadata_store

    store = metadata_store.MetadataStore(config)
    types = {kind.id: kind.name.rpartition(".")[2] for kind in store.get_execution_types()}
    return {types[execution.type_id]: execution.last_known_state for execution in store.get_executions()}


def test_good_records_pass(tmp_path: Path) -> None:
    make_corpus(tmp_path / "corpus")
    run_pipeline(tmp_path)
    assert states(tmp_path)["RecordValidator"] == metadata_store_pb2.Execution.COMPLETE
    assert list((tmp_path / "artifacts/RecordValidator/anomalies").glob("*/Split-train/SchemaDiff.pb"))


def test_one_broken_record_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_corpus(tmp_path / "corpus")
    whole = audio_ingest_executor.to_example

    def broken(request: CorpusRequest, audio: DecodedAudio) -> bytes:
        if request.clip_id.startswith(ytid(3)):
            audio = DecodedAudio(audio.samples, source_rate=1, source_channels=1)
        return whole(request, audio)

    monkeypatch.setattr(audio_ingest_executor, "to_example", broken)
    with pytest.raises(Exception, match=r"split 'train', source_rate: Out-of-range values: .*: 1\."):
        run_pipeline(tmp_path)
    found = states(tmp_path)
    assert found["StatisticsGen"] == metadata_store_pb2.Execution.COMPLETE
    assert found["RecordValidator"] == metadata_store_pb2.Execution.FAILED
    (kept,) = (tmp_path / "artifacts/RecordValidator/anomalies").glob("*-refused/Split-train/SchemaDiff.pb")
    assert b"source_rate" in kept.read_bytes()
